"""The HTTP API of ingest."""

from services.ingest.http.interactions import create_router

__all__ = ["create_router"]
