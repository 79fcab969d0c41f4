"""Errors of key stores."""

from compostela.base.errors import CompostelaError


class KeyStoreError(CompostelaError):
    """A key, certificate or trust store cannot be used. The text tells the operator why."""
