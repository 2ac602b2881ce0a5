"""Kafka and PostgreSQL for one machine: embedded from packages, or given by somebody else."""
