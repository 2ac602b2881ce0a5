"""The language between services, held to what was promised: schemas, old payloads, the registry."""
