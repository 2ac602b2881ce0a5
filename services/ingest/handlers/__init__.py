"""What ingest does: receives interactions, and keeps who may call."""
