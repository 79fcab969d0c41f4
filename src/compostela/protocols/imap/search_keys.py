"""What SEARCH asks for (RFC 3501 §6.4.4, RFC 5032, RFC 7162 §3.1.5).

Keys nest no deeper than `MAX_DEPTH` and are no more than `MAX_KEYS`, whatever the way they are put together.
"""

import codecs
import re
from datetime import UTC, datetime

from compostela.base.errors import InvalidArgument
from compostela.model.numbers import ModSeq
from compostela.model.sequence_set import SequenceSet
from compostela.protocols.imap.commands import Search, SearchKey
from compostela.protocols.imap.lexer import ILLEGAL, String, SyntaxFault, Token

MAX_KEYS = 1000
MAX_DEPTH = 32
_MAX_NUMBER = 2**63 - 1
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_BARE = frozenset({
    "ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "NEW", "OLD", "RECENT", "SEEN", "UNANSWERED", "UNDELETED", "UNDRAFT",
    "UNFLAGGED", "UNSEEN",
})  # fmt: skip
_TEXTS = frozenset({"BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"})
_DATES = frozenset({"BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"})
_NUMBERS = frozenset({"LARGER", "SMALLER", "OLDER", "YOUNGER"})
_DATE = re.compile(r"([0-9]{1,2})-([a-z]{3})-([0-9]{4})", re.IGNORECASE)
_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
_CHARSET = re.compile(
    r"us-ascii|utf-?8|iso-8859-\d{1,2}|iso-2022-(?:jp|kr)|windows-\d{3,4}|koi8-[rut]|gb2312|gbk|gb18030|big5(?:-hkscs)?"
    r"|euc-(?:jp|kr)|shift_jis",
    re.IGNORECASE,
)
"""Names of Python's codecs are many more, and some of those are no charsets."""


class BadCharset(InvalidArgument):
    """The CHARSET is not known."""


def parse_search(tokens: list[Token], uid: bool) -> Search:
    """All keys as one AND. Raises `SyntaxFault` and `BadCharset`."""
    charset, position = "US-ASCII", 0
    if len(tokens) > 1 and _word(tokens[0]) == "CHARSET":
        charset, position = _charset(tokens[1]), 2
    parser = _Parser("utf-8" if charset == "US-ASCII" else charset)
    return Search(parser.all(tokens[position:], 0), uid, charset)


def _charset(token: Token) -> str:
    if isinstance(token, list):
        raise SyntaxFault(ILLEGAL)
    name = token.decode("latin-1").upper()
    try:
        if not _CHARSET.fullmatch(name):
            raise BadCharset(name)
        codecs.lookup(name)
    except LookupError:
        raise BadCharset(name) from None
    return name


class _Parser:
    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._count = 0

    def all(self, tokens: list[Token], depth: int) -> SearchKey:
        """All keys of a list, as one."""
        rest = _Tokens(tokens)
        keys = []
        while rest:
            keys.append(self._key(rest, depth))
        if not keys:
            raise SyntaxFault(ILLEGAL)
        return keys[0] if len(keys) == 1 else SearchKey("AND", keys=tuple(keys))

    def _key(self, rest: "_Tokens", depth: int) -> SearchKey:
        self._count += 1
        if depth > MAX_DEPTH:
            raise SyntaxFault("Nesting is too deep.")
        if self._count > MAX_KEYS:
            raise SyntaxFault("Too many search keys.")
        token = rest.next()
        if isinstance(token, list):
            return self.all(token, depth + 1)
        word = _word(token)
        if word in _BARE:
            return SearchKey(word)
        if word in _TEXTS:
            return SearchKey(word, self._text(rest))
        if word in _DATES:
            return SearchKey(word, _date(rest.octets()))
        if word in _NUMBERS:
            return SearchKey(word, _number(rest.octets()))
        return self._other(word, token, rest, depth)

    def _other(self, word: str, token: bytes, rest: "_Tokens", depth: int) -> SearchKey:
        match word:
            case "KEYWORD" | "UNKEYWORD":
                return SearchKey(word, rest.octets().decode("latin-1"))
            case "EMAILID" | "THREADID":
                return SearchKey(word, _object_id(rest.octets()))
            case "HEADER":
                return SearchKey(word, (rest.octets(), self._text(rest)))
            case "NOT":
                return SearchKey(word, keys=(self._key(rest, depth + 1),))
            case "OR":
                return SearchKey(word, keys=(self._key(rest, depth + 1), self._key(rest, depth + 1)))
            case "UID":
                return SearchKey(word, _set(rest.octets()))
            case "MODSEQ":
                return SearchKey(word, _modseq(rest))
            case _:
                if isinstance(token, String) or not (token[:1].isdigit() or token[:1] == b"*"):
                    raise SyntaxFault(ILLEGAL)
                return SearchKey("SEQUENCE", _set(token))

    def _text(self, rest: "_Tokens") -> str:
        return rest.octets().decode(self._charset, "replace")


class _Tokens:
    """Tokens that are taken one by one."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._tokens)

    def next(self) -> Token:
        if self._at >= len(self._tokens):
            raise SyntaxFault(ILLEGAL)
        self._at += 1
        return self._tokens[self._at - 1]

    def octets(self) -> bytes:
        token = self.next()
        if isinstance(token, list):
            raise SyntaxFault(ILLEGAL)
        return bytes(token)


def _word(token: Token) -> str:
    return "" if isinstance(token, (list, String)) else token.decode("latin-1").upper()


def _number(text: bytes) -> int:
    if not (text.isdigit() and len(text) <= 19) or int(text) > _MAX_NUMBER:
        raise SyntaxFault(ILLEGAL)
    return int(text)


def _modseq(rest: _Tokens) -> ModSeq:
    token = rest.octets()
    if not token.isdigit():
        # an entry name and type, which say nothing that we keep apart
        rest.octets()
        token = rest.octets()
    return ModSeq(_number(token))


def _set(text: bytes) -> SequenceSet:
    try:
        return SequenceSet.parse(text)
    except InvalidArgument as wrong:
        raise SyntaxFault(str(wrong)) from wrong


def _object_id(text: bytes) -> str:
    """RFC 8474 §4."""
    if not _OBJECT_ID.fullmatch(text):
        raise SyntaxFault(ILLEGAL)
    return text.decode("ascii")


def _date(text: bytes) -> int:
    """Epoch seconds of midnight, UTC."""
    match = _DATE.fullmatch(text.decode("latin-1"))
    if match is None or match.group(2).lower() not in _MONTHS:
        raise SyntaxFault(ILLEGAL)
    day, month, year = match.groups()
    try:
        return int(datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), tzinfo=UTC).timestamp())
    except ValueError:
        raise SyntaxFault(ILLEGAL) from None
