"""notify: tells staff and customers about alerts, and records what was sent, held or dropped, and why.

Consumes profiles.v1 (a read model of contacts) and alerts.v1. Owns notifications, suppressions, SMTP, the unsubscribe
page and webhooks. Publishes notifications.v1; what customers do on its page it writes to interactions.inbound.v1.

Invariants: exactly one decision per (alert, transition, step, recipient, channel); everything not sent has one
reason of `domain.reasons`; `sending` is committed before the mail server is spoken to; mail to a customer is
attempted only while switch, consent and frequency allow it in that same transaction, and is never repeated when
an attempt may have arrived. What a webhook is told is owed in the transaction that stores its cause, goes to public
addresses alone, and holds no personal data.
"""
