"""`python -m deploy.schema`: migrates each service into a database of its own and writes its schema.sql."""

import asyncio
import sys
import tempfile
from pathlib import Path

from deploy.schema.stores import SERVICES, page_of, schema_path
from deploy.stack.postgres import PostgresServer
from shared.errors import ConfigurationError


async def _write(server: PostgresServer) -> None:
    for service in SERVICES:
        text = await page_of(service, server.dsn(f"ebbtide_{service}"))
        schema_path(service).write_text(text, encoding="utf-8")


def main() -> int:
    """Exit 0 when every page is written, 2 with a sentence when one cannot be."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-schema-") as folder:
        server = PostgresServer(Path(folder) / "postgres")
        try:
            server.start()
            asyncio.run(_write(server))
        except ConfigurationError as error:
            print(f"ebbtide: {error}", file=sys.stderr)
            return 2
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
