"""Scoring: how every customer is doing, and the exact instant at which that changes.

Consumes  profiles.v1 (group `scoring`; the newest version per customer wins).
Owns      scores: the current snapshot of each customer, and the basis it can be computed again from at any instant.
Publishes scores.v1, one snapshot per customer; alerts reads it.
Holds     Every value is the sum of its contributions. A band changes at an exact instant, stored and woken, never swept
          for. The same basis at the same instant gives the same score, in whatever order profiles arrived.
"""
