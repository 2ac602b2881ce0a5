"""Rules of construction that no type checker sees. Each checker is also shown something bad, and must say so."""
