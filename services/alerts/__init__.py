"""alerts: what needs somebody, and until when.

Consumes profiles.v1 (activity and event rules) and scores.v1 (score rules). Owns subjects (what rules look at),
alerts and the rule sets that were in force. Publishes alerts.v1. Invariant: the alerts of a customer equal what
`domain.spells` answers for the newest snapshot, whatever arrived in between; people's handling is kept apart. Serves
the page of people on call at `/`.
"""
