"""Values with parameters: Content-Type, Content-Disposition (RFC 2045 §5.1, RFC 2231), tolerant of comments, missing semicolons and
values that should be quoted."""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from compostela.mime.charsets import decode_tolerant
from compostela.mime.comments import without_comments
from compostela.mime.encoded_words import decode

_PARAMETER = re.compile(rb'(?<![^\s=;",])([^\s=;",]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;"]*))', re.DOTALL)
_TOKEN_HEAD = re.compile(rb"[^\s;,=]++(?:\s*/\s*[^\s;,=]++)?+(?!\s*=)")
_CONTINUED = re.compile(rb"([^*]+)\*(\d{1,3})(\*)?")
_UNQUOTED_NEXT = re.compile(
    rb"(?<!\s)\s+(?=(?:charset|boundary|name|filename|format|delsp|type|start|protocol|micalg|size|reply-type|report-type|method|modification-date"
    rb"|creation-date|read-date|x-[a-z-]{1,30})(?:\*\d{0,3}\*?)?\s{0,8}=)",
    re.IGNORECASE,
)
"""Where a parameter begins although no semicolon comes before it."""
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
MAX_PARAMETERS = 100

Parameters = tuple[tuple[bytes, bytes], ...]


def parse(value: bytes) -> tuple[bytes, Parameters]:
    """The value before the parameters, empty if they begin at once, and the parameters: names in lower case, continuations joined. A value in the extended
    form of RFC 2231 keeps its charset and its octets, and its name the asterisk: `get` decodes it."""
    if not value:
        return b"", ()
    value = without_comments(value, after_equals=False).lstrip()
    head = _TOKEN_HEAD.match(value)
    text, start = (head.group(), head.end()) if head is not None else (b"", 0)
    if b"=" not in value[start:]:
        return text, ()
    plain: dict[bytes, bytes] = {}
    parts: dict[bytes, list[tuple[int, bool, bytes]]] = {}
    for number, (name, given) in enumerate(_pairs(value, start)):
        if number >= MAX_PARAMETERS:
            break
        if b"*" in name and (continued := _CONTINUED.fullmatch(name)) is not None:
            base, index, encoded = continued.groups()
            parts.setdefault(base, []).append((int(index), encoded is not None, given))
        else:
            plain.setdefault(name, given)
    for name, pieces in parts.items():
        joined_name, joined = _joined(name, pieces)
        plain.setdefault(joined_name, joined)
    return text, tuple(plain.items())


def _pairs(value: bytes, start: int) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    while len(found) <= MAX_PARAMETERS and (match := _PARAMETER.search(value, start)) is not None:
        name, quoted, bare = match.groups()
        start = match.end()
        if quoted is not None:
            found.append((name.lower(), _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted))
            continue
        following = _UNQUOTED_NEXT.search(bare)
        if following is not None:
            start = match.start(3) + following.end()
            bare = bare[: following.start()]
        found.append((name.lower(), bare.strip()))
    return found


def _joined(name: bytes, pieces: list[tuple[int, bool, bytes]]) -> tuple[bytes, bytes]:
    """Continuations as one parameter, in the extended form if one of them is in it."""
    pieces.sort(key=lambda piece: piece[0])
    if not any(encoded for _, encoded, _ in pieces):
        return name, b"".join(text for _, _, text in pieces)
    texts = [text if encoded else quote_from_bytes(text, safe=" ").encode() for _, encoded, text in pieces]
    if not pieces[0][1]:
        texts.insert(0, b"''")
    return name + b"*", b"".join(texts)


def get(parameters: Parameters, name: bytes) -> bytes | None:
    """The value of this parameter as UTF-8, decoded if it is in the extended form, which comes first; None for none."""
    plain = None
    for known, value in parameters:
        if known == name:
            plain = value if plain is None else plain
        elif known[:-1] == name and known.endswith(b"*"):
            return decoded(value).encode()
    return plain


def decoded(extended: bytes) -> str:
    """The text of a value in the extended form, `charset'language'octets` (RFC 2231 §4)."""
    charset, quote, rest = extended.partition(b"'")
    _, second, octets = rest.partition(b"'")
    if not quote or not second:
        charset, octets = b"utf-8", extended
    return decode_tolerant(unquote_to_bytes(octets), charset.decode("ascii", "replace"))


def texts(parameters: Parameters) -> list[str]:
    """All values as a reader sees them: the extended form and encoded words decoded."""
    return [decoded(value) if name.endswith(b"*") else decode(value) for name, value in parameters]
