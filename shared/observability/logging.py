"""JSON lines on standard output, with the service, and the correlation id of what is being handled."""

import logging
import sys

import structlog

# asyncpg's pool logs a traceback per attempt while the database is away; the client's DEBUG prints keys and values.
_QUIET = ("aiokafka", "asyncpg.pool", "uvicorn.access", "uvicorn.error")
# While brokers are away each connection of aiokafka complains several times a second.
REPEAT_SECONDS = 10.0
_MOST_KINDS = 1_000


class Repeats(logging.Filter):
    """Lets each kind of complaint of one library through every ten seconds, with how many were left out before it.

    Of one kind is what has the same logger and the same text but for its arguments. Others' records pass.
    """

    def __init__(self, library: str) -> None:
        super().__init__(library)
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True
        kind = (record.name, str(record.msg))
        said_at, left_out = self._kinds.get(kind, (0.0, 0))
        if 0 <= record.created - said_at < REPEAT_SECONDS:
            self._kinds[kind] = (said_at, left_out + 1)
            return False
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (record.created, 0)
        if left_out:
            record.msg = f"{record.msg} (and {left_out} more like it)"
        return True


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
    handler.addFilter(Repeats("aiokafka"))
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
