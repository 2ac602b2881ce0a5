"""What to tell whom, and when not to: pure functions over values."""
