"""ingest: the way in.

Consumes: HTTP (`POST /v1/interactions`); `interactions.inbound.v1`, which anyone may write; `access.v1` like every
service, to know who calls.
Owns: principals and the hashes of their keys; the quarantine of inbound records that were refused. Interactions it does
not store: Kafka does.
Publishes: `interactions.v1` (keyed by reference), `access.v1` (keyed by principal).
Invariants: nothing is accepted before the broker acknowledged it; a bad event spoils only itself; no personal data
leaves outside `pii`; the same event sent again gives the same interaction.
"""
