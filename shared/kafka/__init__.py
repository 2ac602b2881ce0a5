"""Kafka: registry of topics, subscriptions, publisher. Besides consumers only this imports the client."""
