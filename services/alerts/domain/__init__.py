"""Decisions of alerts: pure, synchronous, standard library only; time arrives as a value."""
