"""notify on a real database, a real broker and a mail server that does as it is told."""
