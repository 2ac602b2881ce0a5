"""Alerts on a real database and a real broker."""
