"""What SEARCH asks for (RFC 3501 §6.4.4, RFC 5032, RFC 7162 §3.1.5)."""

from datetime import UTC, datetime

from compostela.base.errors import InvalidArgument
from compostela.model.numbers import ModSeq
from compostela.model.sequence_set import SequenceSet
from compostela.protocols.imap.commands import Search, SearchKey
from compostela.protocols.imap.lexer import SyntaxFault, Token

MAX_KEYS = 1000
MAX_DEPTH = 32
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_BARE = frozenset({
    "ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "NEW", "OLD", "RECENT", "SEEN", "UNANSWERED", "UNDELETED", "UNDRAFT",
    "UNFLAGGED", "UNSEEN",
})  # fmt: skip
_TEXTS = frozenset({"BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"})
_DATES = frozenset({"BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"})
_NUMBERS = frozenset({"LARGER", "SMALLER", "OLDER", "YOUNGER"})


class BadCharset(InvalidArgument):
    """The CHARSET is not known."""


def parse_search(tokens: list[Token], uid: bool) -> Search:
    """All keys as one AND."""
    charset, position = "US-ASCII", 0
    if len(tokens) > 1 and _word(tokens, 0) == "CHARSET":
        charset = _word(tokens, 1)
        try:
            b"x".decode(charset)
        except (LookupError, UnicodeDecodeError):
            raise BadCharset(charset) from None
        position = 2
    parser = _Parser(tokens[position:], charset)
    return Search(parser.all(0), uid, charset)


class _Parser:
    def __init__(self, tokens: list[Token], charset: str) -> None:
        self._tokens = tokens
        self._charset = "utf-8" if charset == "US-ASCII" else charset
        self._at = 0

    def all(self, depth: int) -> SearchKey:
        keys = []
        while self._at < len(self._tokens):
            keys.append(self.key(depth))
            if len(keys) > MAX_KEYS:
                raise SyntaxFault("Too many search keys.")
        if not keys:
            raise SyntaxFault("Illegal arguments.")
        return keys[0] if len(keys) == 1 else SearchKey("AND", keys=tuple(keys))

    def key(self, depth: int) -> SearchKey:
        if depth > MAX_DEPTH:
            raise SyntaxFault("Nesting is too deep.")
        token = self._next()
        if isinstance(token, list):
            return _Parser(token, self._charset).all(depth + 1)
        word = token.decode("latin-1").upper()
        if word in _BARE:
            return SearchKey(word)
        if word in _TEXTS:
            return SearchKey(word, self._text())
        if word in _DATES:
            return SearchKey(word, _date(self._octets()))
        if word in _NUMBERS:
            return SearchKey(word, self._number())
        match word:
            case "KEYWORD" | "UNKEYWORD":
                return SearchKey(word, self._octets().decode("latin-1"))
            case "HEADER":
                return SearchKey(word, (self._octets(), self._text()))
            case "NOT":
                return SearchKey(word, keys=(self.key(depth + 1),))
            case "OR":
                return SearchKey(word, keys=(self.key(depth + 1), self.key(depth + 1)))
            case "UID":
                return SearchKey(word, _set(self._octets()))
            case "MODSEQ":
                return SearchKey(word, self._modseq())
            case _:
                return SearchKey("SEQUENCE", _set(token))

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise SyntaxFault("Illegal arguments.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _octets(self) -> bytes:
        token = self._next()
        if not isinstance(token, bytes):
            raise SyntaxFault("Illegal arguments.")
        return bytes(token)

    def _text(self) -> str:
        return self._octets().decode(self._charset, "replace")

    def _number(self) -> int:
        text = self._octets()
        if not text.isdigit() or len(text) > 19:
            raise SyntaxFault("Illegal arguments.")
        return int(text)

    def _modseq(self) -> ModSeq:
        token = self._octets()
        if not token.isdigit():
            # an entry name and type, which say nothing that we keep apart
            self._octets()
            token = self._octets()
        if not token.isdigit() or len(token) > 19:
            raise SyntaxFault("Illegal arguments.")
        return ModSeq(int(token))


def _word(tokens: list[Token], position: int) -> str:
    token = tokens[position]
    return token.decode("latin-1").upper() if isinstance(token, bytes) else ""


def _set(text: bytes) -> SequenceSet:
    try:
        return SequenceSet.parse(text)
    except InvalidArgument as wrong:
        raise SyntaxFault(str(wrong)) from wrong


def _date(text: bytes) -> int:
    """Epoch seconds of midnight, UTC."""
    parts = text.decode("latin-1").split("-")
    try:
        day, month, year = int(parts[0]), _MONTHS.index(parts[1].lower()) + 1, int(parts[2])
        return int(datetime(year, month, day, tzinfo=UTC).timestamp())
    except (ValueError, IndexError):
        raise SyntaxFault("Illegal arguments.") from None
