"""Counts what the HTTP API answers."""

from prometheus_client import CollectorRegistry, Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PROBES = frozenset({"/livez", "/readyz", "/metrics"})


def answers_counter(registry: CollectorRegistry) -> Counter:
    """The counter that `AnswersMiddleware` counts on."""
    return Counter("ebbtide_http_answers", "Answers of the HTTP API, by status.", ["status"], registry=registry)


class AnswersMiddleware:
    """Outermost, so that it sees what every other layer answered. Probes and scrapes are not counted: they come all the
    time, and are meant to be answered 503 while the service waits."""

    def __init__(self, app: ASGIApp, answers: Counter) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.labels(status=str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, answer)
