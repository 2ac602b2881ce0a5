"""The domain of alerts."""
