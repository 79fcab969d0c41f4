"""From octets of a message to text that a script may compare, store and send on."""

from compostela.mime.encoded_words import decode
from compostela.mime.headers import unfold
from compostela.mime.text import decoded_text


def without_surrogates(text: str) -> str:
    """Some charsets, UTF-7 for one, can spell half of a character, which UTF-8 cannot: a question mark takes its place."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def field_text(value: bytes) -> str:
    """The raw value of a header field, unfolded, stripped and decoded (RFC 5228 §2.4.2.2)."""
    return without_surrogates(decode(unfold(value)))


def content_text(octets: bytes, encoding: bytes, charset: bytes | None) -> str:
    """The content of a MIME part without transfer encoding and charset."""
    return without_surrogates(decoded_text(octets, encoding, charset))
