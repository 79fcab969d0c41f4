"""What is wrong with an operator's key, certificate or trust store."""

from compostela.base.errors import CompostelaError


class TlsError(CompostelaError):
    """The key or the certificate cannot be used; the text tells the operator why."""
