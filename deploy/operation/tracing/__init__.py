"""The path of one interaction through the five services, as their public APIs tell it."""

from deploy.operation.tracing.path import Step, Trace, Wanted, trace_interaction

__all__ = ["Step", "Trace", "Wanted", "trace_interaction"]
