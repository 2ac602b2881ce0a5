"""What protects every service, without servers."""
