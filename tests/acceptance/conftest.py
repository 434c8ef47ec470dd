"""Fixtures of the acceptance tests."""

from tests.anvil import anvil

__all__ = ["anvil"]
