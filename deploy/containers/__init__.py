"""What runs in containers besides the services: the health check and the demo's feed."""
