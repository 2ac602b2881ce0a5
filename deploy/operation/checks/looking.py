"""All checks of one installation, at the same time."""

import asyncio

from deploy.operation.checks.databases import check_databases
from deploy.operation.checks.findings import Finding
from deploy.operation.checks.services import check_services
from deploy.operation.checks.surroundings import check_disk, check_keys, check_mail
from deploy.operation.checks.topics import check_topics
from deploy.operation.installation import Installation


async def examine(installation: Installation) -> list[Finding]:
    """Every finding, in an order that reads well: what others depend on comes first."""
    services, topics, databases, keys, mail = await asyncio.gather(
        check_services(installation),
        check_topics(installation),
        check_databases(installation),
        check_keys(installation),
        asyncio.to_thread(check_mail, installation),
    )
    return [*services, *topics, *databases, *keys, *check_disk(installation), *mail]
