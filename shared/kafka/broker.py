"""The framework's broker: it consumes for us; publishing is `shared.kafka.publisher`'s."""

import logging

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLScram512

from shared.kafka.connection import KafkaConnection
from shared.kafka.lost_connections import tell_lost_connections

# What a handler of ours does under the framework's eyes is to decode and to queue. Whoever stops has waited already
# until what was queued is done; a queue that is full even then does not move, and the records are read again.
GRACEFUL_SECONDS = 2

# A consumer whose topic was deleted learns that it is there again, and whose broker hangs that another leads, when it
# asks next: by default after five minutes.
METADATA_MS = 5_000


def create_broker(connection: KafkaConnection) -> KafkaBroker:
    """A broker that connects when started. Manual acknowledgement is its default, for every subscriber."""
    tell_lost_connections()
    return KafkaBroker(
        connection.brokers,
        metadata_max_age_ms=METADATA_MS,
        client_id=connection.client_id,
        consumer_only=True,
        allow_auto_create_topics=False,
        ack_policy=AckPolicy.MANUAL,
        apply_types=False,
        graceful_timeout=GRACEFUL_SECONDS,
        security=_security(connection),
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
    )


def _security(connection: KafkaConnection) -> BaseSecurity | None:
    context = connection.client_options().get("ssl_context")
    use_ssl = context is not None
    if connection.security_protocol.startswith("SASL"):
        return SASLScram512(
            username=connection.sasl_username or "",
            password=connection.sasl_password or "",
            ssl_context=context,
            use_ssl=use_ssl,
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if use_ssl else None
