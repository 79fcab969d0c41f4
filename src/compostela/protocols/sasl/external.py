"""EXTERNAL (RFC 4422, appendix A): the TLS client certificate identifies the user."""

from compostela.base.errors import InvalidArgument
from compostela.protocols.sasl.mechanism import CertificateCredentials, Challenge, Mechanism, Step


class External(Mechanism):
    """The response is the authorisation identity, or empty."""

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        try:
            text = response.decode()
        except UnicodeDecodeError:
            raise InvalidArgument("the response is not UTF-8") from None
        if "\x00" in text:
            raise InvalidArgument("an identity has no NUL")
        return CertificateCredentials(text or None)
