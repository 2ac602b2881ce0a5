"""Files into events, and events to a running ingest over its public API."""
