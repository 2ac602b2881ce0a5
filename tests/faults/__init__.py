"""Processes killed under load, and an exact ledger afterwards."""
