"""Pure functions and properties, fixed time; no sockets."""
