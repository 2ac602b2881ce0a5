"""What protects every service, on real servers."""
