"""Providers as they are on a bad day: a mail server and a receiver of webhooks that do what a script says."""
