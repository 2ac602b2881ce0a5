"""The framework's broker: it consumes for us; publishing is `shared.kafka.publisher`'s."""

import logging

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLScram512

from shared.kafka.connection import KafkaConnection

# What a handler of ours does under the framework's eyes is to decode and to queue. Whoever stops has waited already
# until what was queued is done; a queue that is full even then does not move, and the records are read again.
GRACEFUL_SECONDS = 2


def create_broker(connection: KafkaConnection) -> KafkaBroker:
    """A broker that connects when started. Manual acknowledgement is its default, for every subscriber."""
    return KafkaBroker(
        connection.bootstrap,
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
