"""Where TLS or a password is demanded of Kafka's clients, nothing goes without, and nobody else is believed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from services.ingest.app import build
from services.ingest.settings import Settings
from shared.errors import TransientError
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import Publisher
from shared.kafka.topics import INBOUND
from tests.integration.security.kafka_tls import PASSWORD, USER, Doors, guarded_broker
from tests.support.stack import Lease, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)  # a broker, its format and two runs of keytool are five starts of Java


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with guarded_broker(tmp_path_factory.mktemp("guarded")) as opened:
        yield opened


async def reached(connection: KafkaConnection) -> None:
    """Both kinds of client: the one that makes topics and the one that writes. Raises TransientError."""
    await ensure_topics(connection, [INBOUND])
    publisher = Publisher(connection)
    try:
        await publisher.send(INBOUND.name, [(b"key", b"value")])
    finally:
        await publisher.stop()


async def test_the_right_authority_and_password_open_each_door(doors: Doors) -> None:
    """So that the refusals below are about what they say they are."""
    for port, protocol in ((doors.plain, "PLAINTEXT"), (doors.tls, "SSL"), (doors.login, "SASL_SSL")):
        connection = doors.connection(port, protocol)

        async def opens(connection: KafkaConnection = connection) -> bool:
            try:
                await reached(connection)
            except TransientError:  # a new topic takes a moment
                return False
            return True

        await eventually(opens, what=f"{protocol} at its door")


@pytest.mark.parametrize(
    "case",
    [
        "plain at a TLS door",
        "TLS at a plain door",
        "another authority",
        "another name",
        "no password",
        "wrong password",
    ],
)
async def test_what_is_not_as_demanded_is_refused(doors: Doors, case: str) -> None:
    connection = {
        "plain at a TLS door": doors.connection(doors.tls, "PLAINTEXT"),
        "TLS at a plain door": doors.connection(doors.plain, "SSL"),
        "another authority": doors.connection(doors.tls, "SSL", ssl_cafile=None),
        "another name": doors.connection(
            doors.tls, "SSL", bootstrap=f"localhost:{doors.tls}"
        ),  # the certificate is of 127.0.0.1
        "no password": doors.connection(doors.login, "SSL"),
        "wrong password": doors.connection(doors.login, "SASL_SSL", sasl_password=PASSWORD[:-1]),
    }[case]
    with pytest.raises(TransientError, match="Kafka does not answer"):
        await reached(connection)


async def test_a_service_reads_writes_and_follows_with_a_password_over_tls(
    doors: Doors, stack: EmbeddedStack | ExternalStack, templates: dict[str, str]
) -> None:
    """Every client there is in a process: relay, consumer, follower, admin."""
    lease = Lease(f"127.0.0.1:{doors.login}", stack.admin_dsn, templates)
    told = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": PASSWORD,
        "KAFKA_SSL_CAFILE": doors.authority,
    }
    try:
        async with running(build(Settings(**await lease.settings("ingest", **told)))) as app:
            await app.publisher.send(app.topic(INBOUND).name, [(b"key", b"no event")])

            async def set_aside() -> bool:
                async with app.database.connection() as connection:
                    return bool(await connection.fetchval("select count(*) from quarantine"))

            await eventually(set_aside, what="the record in quarantine")
            await eventually(lambda: _loaded(app.directory), what="the keys")
    finally:
        await lease.drop()


async def _loaded(directory: object) -> bool:
    return bool(getattr(directory, "loaded", False))


def test_settings_that_promise_more_than_they_do_are_refused(tmp_path: Path) -> None:
    """A password that nobody asks for, an authority that nobody checks, a login without a password."""
    common = {"http_port": 0, "postgres_dsn": "postgresql://x", "secret": "s" * 32, "KAFKA_BOOTSTRAP": "x:1"}
    authority = tmp_path / "authority.pem"
    authority.touch()
    for told, wrong in (
        ({"KAFKA_SASL_PASSWORD": "p"}, "KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SASL_USERNAME": "u", "KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SASL_USERNAME"),
        ({"KAFKA_SSL_CAFILE": authority}, "KAFKA_SSL_CAFILE"),
        ({"KAFKA_SSL_CAFILE": authority, "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "KAFKA_SSL_CAFILE"),
        ({"KAFKA_SSL_CAFILE": tmp_path / "none.pem", "KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SSL_CAFILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "u"}, "kafka_sasl_password"),
    ):
        with pytest.raises(ValueError, match=wrong):
            Settings(**common, **told)  # type: ignore[arg-type]
