"""JSON lines on standard output, with the service, and the correlation id of what is being handled."""

import logging
import sys

import structlog

# asyncpg's pool logs a traceback per attempt while the database is away; the client's DEBUG prints keys and values.
_QUIET = ("aiokafka", "asyncpg.pool", "uvicorn.access", "uvicorn.error")


def configure_logging(service: str, level: str) -> None:
    """Once per process, before anything logs. Library logs go the same way, warnings and worse only."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the values of local variables, which hold personal data.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Loggers are not cached: where several services run in one process, as in tests, the last one set up decides.
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The framework warns at each start that topics are not its business.
    logging.getLogger("faststream").setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(service=service)
