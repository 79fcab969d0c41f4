"""Encoded words in header values (RFC 2047), tolerant of what is sent."""

import base64
import binascii
import re

from compostela.mime.charsets import decode_octets

# a word ends before another begins, so that no octet is looked at from each of many beginnings
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?((?:(?!=\?(?!=))[^?\s]|\?(?!=))*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(=\?[^?\s]+\?[bBqQ]\?)")
_MAX_ENCODED = 45


def decode(value: bytes) -> str:
    """An unfolded value as text; what cannot be decoded stays as it is."""
    text = value.decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" not in text:
        return text
    return _WORD.sub(_decoded, _BETWEEN.sub(r"\1\2", text))


def _decoded(match: re.Match[str]) -> str:
    charset, coding, payload = match.groups()
    try:
        if coding in "bB":
            data = base64.b64decode(payload + "=" * (-len(payload) % 4), validate=False)
        else:
            data = binascii.a2b_qp(payload.encode("ascii", "replace"), header=True)
        return decode_octets(data, charset, "replace")
    except (binascii.Error, LookupError, ValueError):
        return match.group()


def encode(text: str) -> str:
    """A value in ASCII: each word that needs it as an encoded word in UTF-8."""
    if text.isascii():
        return text
    out: list[str] = []
    for word in _runs(text):
        if word.isascii():
            out.append(word)
        else:
            out += _encoded(word)
    return " ".join(out)


def _runs(text: str) -> list[str]:
    """Words, those that need encoding and stand together as one."""
    runs: list[str] = []
    for word in text.split(" "):
        if runs and not word.isascii() and not runs[-1].isascii():
            runs[-1] += " " + word
        else:
            runs.append(word)
    return runs


def _encoded(word: str) -> list[str]:
    pieces: list[str] = []
    piece = ""
    for character in word:
        if len((piece + character).encode()) > _MAX_ENCODED:
            pieces.append(piece)
            piece = ""
        piece += character
    pieces.append(piece)
    return [f"=?UTF-8?B?{base64.b64encode(one.encode('utf-8', 'replace')).decode()}?=" for one in pieces]
