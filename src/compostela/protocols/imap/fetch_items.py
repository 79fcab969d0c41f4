"""What FETCH asks for (RFC 3501 §6.4.5)."""

import re

from compostela.protocols.imap.commands import BodySection
from compostela.protocols.imap.lexer import SyntaxFault, Token

PLAIN = frozenset({
    "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "UID", "MODSEQ", "EMAILID", "SAVEDATE",
})  # fmt: skip
_MACROS = {
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_OLD = {
    "RFC822": BodySection((), "", label=b"RFC822"),
    "RFC822.HEADER": BodySection((), "HEADER", peek=True, label=b"RFC822.HEADER"),
    "RFC822.TEXT": BodySection((), "TEXT", label=b"RFC822.TEXT"),
}
_SECTION = re.compile(
    rb"BODY(\.PEEK)?\[((?:\d+\.?)*)(HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME)?(?: \(([^)]*)\))?\](?:<(\d+)\.(\d+)>)?",
    re.IGNORECASE,
)
MAX_ITEMS = 100
MAX_PATH = 100


def parse_items(token: Token) -> tuple[str | BodySection, ...]:
    """One item, a macro, or a list of items."""
    tokens = token if isinstance(token, list) else [token]
    if not tokens or len(tokens) > MAX_ITEMS:
        raise SyntaxFault("Illegal arguments.")
    found: list[str | BodySection] = []
    for one in tokens:
        if not isinstance(one, bytes):
            raise SyntaxFault("Illegal arguments.")
        word = one.decode("latin-1").upper()
        if word in _MACROS and not isinstance(token, list):
            found += _MACROS[word]
        elif word in PLAIN:
            found.append(word)
        elif word in _OLD:
            found.append(_OLD[word])
        else:
            found.append(_section(one))
    return tuple(dict.fromkeys(found))


def _section(text: bytes) -> BodySection:
    match = _SECTION.fullmatch(text)
    if match is None:
        raise SyntaxFault("Illegal arguments.")
    peek, numbers, kind, names, origin, length = match.groups()
    path = tuple(int(number) for number in numbers.split(b".") if number)
    kind_text = (kind or b"").decode().upper()
    fields = tuple(name.strip(b'"') for name in (names or b"").split())
    wants_names = kind_text.startswith("HEADER.FIELDS")
    if (
        len(path) > MAX_PATH
        or 0 in path
        or (numbers and kind and not numbers.endswith(b"."))
        or (numbers.endswith(b".") and not kind)
        or wants_names != bool(fields)
        or (kind_text == "MIME" and not path)
        or (length is not None and int(length) == 0)
    ):
        raise SyntaxFault("Illegal arguments.")
    shown = numbers + (kind_text.encode() if kind else b"")
    if fields:
        shown += b" (" + b" ".join(fields) + b")"
    label = b"BODY[" + shown + b"]"
    if origin is not None:
        label += b"<" + origin + b">"
    return BodySection(
        path,
        kind_text,
        fields,
        peek is not None,
        None if origin is None else int(origin),
        None if length is None else int(length),
        label,
    )
