"""The HTTP API of ingest."""

from services.ingest.http.interactions import create_router
from services.ingest.http.quarantine import quarantine_routes

__all__ = ["create_router", "quarantine_routes"]
