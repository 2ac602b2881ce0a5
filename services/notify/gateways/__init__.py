"""The outside: the mail server, the templates on disk, the staff file."""
