"""What happens to customers: when interactions arrive, and when time passes."""

from services.profiles.handlers.customers import ProfileHandlers

__all__ = ["ProfileHandlers"]
