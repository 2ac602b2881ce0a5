"""What the five services have in common. Never imports a service."""
