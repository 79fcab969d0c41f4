"""What FETCH asks for (RFC 3501 §6.4.5)."""

import re

from compostela.protocols.imap.commands import BodySection
from compostela.protocols.imap.lexer import ILLEGAL, String, SyntaxFault, Token, unescape

PLAIN = frozenset({
    "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "UID", "MODSEQ", "EMAILID", "THREADID", "SAVEDATE",
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
_PATH = rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*"
_KIND = rb"HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT"
_SECTION = re.compile(
    rb"BODY(\.PEEK)?\[(?:(%b)(?:\.(%b|MIME))?|(%b))?(?: \((.+)\))?\](?:<([0-9]{1,10})\.([1-9][0-9]{0,9})>)?"
    % (_PATH, _KIND, _KIND),
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(rb'[ ]*(?:([^\x00-\x20(){%*"\\\x7f-\xff]+)|"((?:[^"\\]|\\["\\])*)")(?= |\Z)')
_ATOM = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
MAX_ITEMS = 100
MAX_PATH = 100
MAX_FIELD_NAMES = 1000


def parse_items(token: Token) -> tuple[str | BodySection, ...]:
    """One item, a macro, or a list of items; each once, in the order asked for."""
    if not isinstance(token, list):
        word = _word(token)
        return _MACROS[word] if word in _MACROS else (_item(token),)
    if not 0 < len(token) <= MAX_ITEMS:
        raise SyntaxFault(ILLEGAL)
    return tuple(dict.fromkeys([_item(one) for one in token]))


def _item(token: Token) -> str | BodySection:
    word = _word(token)
    if word in PLAIN:
        return word
    old = _OLD.get(word)
    if old is not None:
        return old
    assert isinstance(token, bytes)
    return _section(token)


def _word(token: Token) -> str:
    if isinstance(token, (list, String)):
        raise SyntaxFault(ILLEGAL)
    return token.decode("latin-1").upper()


def _section(text: bytes) -> BodySection:
    match = _SECTION.fullmatch(text)
    if match is None:
        raise SyntaxFault(ILLEGAL)
    peek, numbers, inner_kind, outer_kind, names, origin, length = match.groups()
    kind = inner_kind or outer_kind
    path = tuple(int(number) for number in numbers.split(b".")) if numbers else ()
    kind_text = kind.decode().upper() if kind else ""
    if len(path) > MAX_PATH or kind_text.startswith("HEADER.FIELDS") != (names is not None):
        raise SyntaxFault(ILLEGAL)
    fields = () if names is None else _field_names(names.strip(b" "))
    shown = (numbers or b"") + (b"." if numbers and kind else b"") + kind_text.encode()
    if fields:
        shown += b" (" + b" ".join(map(_shown, fields)) + b")"
    label = b"BODY[" + shown + b"]"
    if origin is not None:
        label += b"<%d>" % int(origin)
    return BodySection(
        path,
        kind_text,
        fields,
        peek is not None,
        None if origin is None else int(origin),
        None if length is None else int(length),
        label,
    )


def _field_names(text: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    position = 0
    while position < len(text):
        match = _NAME.match(text, position)
        if match is None or len(found) >= MAX_FIELD_NAMES:
            raise SyntaxFault(ILLEGAL)
        atom, quoted = match.groups()
        found.append(atom if atom is not None else unescape(quoted))
        position = match.end()
    if not found:
        raise SyntaxFault(ILLEGAL)
    return tuple(found)


def _shown(name: bytes) -> bytes:
    if _ATOM.fullmatch(name):
        return name
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
