"""Fixtures for every test; what they are made of lives in tests/support."""

from tests.support.stack import lease, stack, templates

__all__ = ["lease", "stack", "templates"]
