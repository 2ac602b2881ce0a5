"""What alerts reads besides topics and its store."""
