"""Encoded words in header values (RFC 2047), tolerant of what is sent."""

import base64
import binascii
import re
from itertools import groupby
from operator import itemgetter

from compostela.mime.charsets import decode_tolerant
from compostela.mime.text import decoded_octets

# blanks inside are tolerated; a word ends before another begins, so that no octet is looked at from each of many beginnings
_WORD = re.compile(
    rb"=\?([^?*\s]+)(?:\*[^?\s]*)?[ \t]*\?[ \t]*([bBqQ])[ \t]*\?((?:(?!=\?(?!=))[^?]|\?(?!=)|\?(?==[0-9A-Fa-f]{2}[^?\s]*\?=))*)\?="
)
_BLANKS = b" \t\r\n"
_MAX_ENCODED = 45


def decode(value: bytes) -> str:
    """An unfolded value as text. Octets of neighbouring words of one charset are joined before they are decoded: some software
    cuts characters in two. What is no encoded word is read as UTF-8 and, where it is not, as windows-1252."""
    if b"=?" not in value:
        return value.decode() if value.isascii() else decode_tolerant(value, None)
    out: list[str] = []
    run: list[tuple[bytes, bytes, bytes]] = []
    at = 0
    for found in _WORD.finditer(value):
        between = value[at : found.start()]
        if not run or between.strip(_BLANKS):
            out += [_joined(run), decode_tolerant(between, None)]
            run = []
        charset, coding, payload = found.groups()
        run.append((charset.lower(), coding.lower(), payload))
        at = found.end()
    return "".join((*out, _joined(run), decode_tolerant(value[at:], None)))


def _joined(words: list[tuple[bytes, bytes, bytes]]) -> str:
    """The text of words that follow each other."""
    return "".join(
        decode_tolerant(_octets(list(same)), charset.decode("ascii", "replace"))
        for charset, same in groupby(words, key=itemgetter(0))
    )


def _octets(words: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """Of words in one charset. Base64 that is cut within a group of four goes on in the next word."""
    out: list[bytes] = []
    for coding, same in groupby(words, key=itemgetter(1)):
        payloads = [payload for _, _, payload in same]
        if coding == b"b":
            out.append(decoded_octets(b"".join(payloads), b"base64"))
        else:
            out += [binascii.a2b_qp(payload, header=True) for payload in payloads]
    return b"".join(out)


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
    """Words; adjacent words that need encoding are one."""
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
