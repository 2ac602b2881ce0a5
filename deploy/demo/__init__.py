"""The demo: real purchases of eighteen months through the whole system in two minutes."""
