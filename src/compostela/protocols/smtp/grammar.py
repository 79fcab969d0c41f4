"""Arguments of SMTP commands: paths and parameters (RFC 5321 §4.1.2), HELO names (§4.1.1.1), chunks (RFC 3030 §2)."""

import re
from ipaddress import ip_address

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress

MAX_PARAMETERS = 32
MAX_CHUNK_DIGITS = 10
"""A chunk is smaller than ten thousand million octets."""
_FROM = re.compile(rb"FROM\s*:\s*", re.IGNORECASE)
_TO = re.compile(rb"TO\s*:\s*", re.IGNORECASE)
# written so that octets outside quotes are taken in runs, not one by one
_BRACKETS = re.compile(rb'<([^<>"]*(?:"(?:[^"\\]|\\.)*"[^<>"]*)*)>')
_BARE = re.compile(rb"[^\s<>]+")
_KEYWORD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*")
_VALUE = re.compile(r"[^=\x00-\x20\x7f]+")
_CHUNK = re.compile(rb"([0-9]+)(?:[ \t]+(LAST))?", re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


class MissingKeyword(InvalidArgument):
    """No `FROM:` or `TO:`."""


class MissingBrackets(InvalidArgument):
    """An address outside `<…>`."""


class BadPath(InvalidArgument):
    """What is inside the brackets is no address."""


class BadParameter(InvalidArgument):
    """Parameters that break the grammar, or one that is given twice."""


class BadChunk(InvalidArgument):
    """Not `size [LAST]`: where the chunk ends is unknown."""


def parse_mail(
    argument: bytes, default_domain: Domain, brackets: bool
) -> tuple[MailAddress | None, dict[str, str | None]]:
    """MAIL: sender (None for `<>`) and parameters."""
    text, parameters = _split(_FROM, argument, brackets)
    return (_address(text, default_domain) if text else None), parameters


def parse_rcpt(argument: bytes, default_domain: Domain, brackets: bool) -> tuple[MailAddress, dict[str, str | None]]:
    """RCPT: recipient and parameters."""
    text, parameters = _split(_TO, argument, brackets)
    if not text:
        raise BadPath("a recipient must not be empty")
    return _address(text, default_domain), parameters


def _split(keyword: re.Pattern[bytes], argument: bytes, brackets: bool) -> tuple[str, dict[str, str | None]]:
    start = keyword.match(argument)
    if start is None:
        raise MissingKeyword("a path is needed")
    path = _BRACKETS.match(argument, start.end())
    if path is not None:
        text, rest = path.group(1), argument[path.end() :]
    elif brackets or (bare := _BARE.match(argument, start.end())) is None:
        raise MissingBrackets("the address needs angle brackets")
    else:
        text, rest = bare.group(), argument[bare.end() :]
    try:
        return text.strip().decode(), _parameters(rest)
    except UnicodeDecodeError:
        raise BadPath("an address is UTF-8") from None


def _address(text: str, default_domain: Domain) -> MailAddress:
    try:
        return MailAddress.parse(text, default_domain)
    except InvalidArgument as wrong:
        raise BadPath(str(wrong)) from wrong


def _parameters(rest: bytes) -> dict[str, str | None]:
    if not rest:
        return {}
    words = rest.split()
    if rest[:1] not in (b" ", b"\t") or len(words) > MAX_PARAMETERS:
        raise BadPath("a blank is missing before the parameters")
    found: dict[str, str | None] = {}
    for word in words:
        keyword, equals, octets = word.partition(b"=")
        name, value = keyword.decode("ascii", "replace").upper(), octets.decode()
        if not _KEYWORD.fullmatch(keyword) or (equals and not _VALUE.fullmatch(value)) or name in found:
            raise BadParameter(f"{name} is malformed or given twice")
        found[name] = value if equals else None
    return found


def parse_bdat(argument: bytes) -> tuple[int, bool]:
    """BDAT: the size of the chunk, and whether it is the last. Raises `BadChunk`."""
    match = _CHUNK.fullmatch(argument)
    if match is None or len(match.group(1)) > MAX_CHUNK_DIGITS:
        raise BadChunk("a chunk has a size")
    return int(match.group(1)), match.group(2) is not None


def is_helo_name(text: str, *, lenient: bool) -> bool:
    """Whether a client may call itself so: an address literal, an address, or a host name."""
    if not text or len(text) > 255:
        return False
    literal = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ip_address(literal.removeprefix("IPv6:"))
    except ValueError:
        pass
    else:
        return True
    if lenient:
        return not any(character.isspace() or not character.isprintable() for character in text)
    return all(_LABEL.fullmatch(label) for label in text.removesuffix(".").split("."))
