"""What notify does with what arrives and with what people ask for; all of it in the transaction of whoever calls."""

from services.notify.handlers.announcing import Announcing
from services.notify.handlers.planning import Planning
from services.notify.handlers.subscribing import Subscribing
from services.notify.handlers.vault import Vault

__all__ = ["Announcing", "Planning", "Subscribing", "Vault"]
