"""The store of notify: contacts and alerts as read, notifications as decided, webhooks and what they are told."""

from services.notify.store.notifications import NotifyStore
from services.notify.store.webhooks import WebhookStore

__all__ = ["NotifyStore", "WebhookStore"]
