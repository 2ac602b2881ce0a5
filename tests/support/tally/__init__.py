"""A service for tests of shared/: it collects the ids of interactions by reference. One topic in, one table, one topic out."""
