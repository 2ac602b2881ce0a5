"""A service for tests of shared/: it collects the ids of interactions by reference, from one topic onto another."""
