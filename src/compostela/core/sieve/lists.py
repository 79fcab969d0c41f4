"""External lists: sets of texts, mostly addresses, that scripts ask about (RFC 6134)."""

import re
from collections.abc import Iterable

from compostela.base.errors import InvalidArgument, QuotaExceeded

MAX_LISTS = 50
"""Lists of one owner."""
MAX_MEMBERS = 10_000
"""Members of one list."""
MAX_MEMBER_CHARACTERS = 320
MAX_LIST_NAME_CHARACTERS = 255
ADDRESS_BOOK = ":addrbook:default"
"""The list that every user has (RFC 6134 §2.6); it is empty until somebody fills it."""
SCHEMES = ("urn:ietf:params:sieve:addrbook", "tag")
"""Of names of lists, as ManageSieve tells them (RFC 6134 §2.7)."""
_LONG = "urn:ietf:params:sieve:addrbook:"
_SHORT = ":addrbook:"
_NAME = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+")


class TooManyLists(QuotaExceeded):
    """The owner would have more than `MAX_LISTS` lists."""


def normal_list_name(text: str) -> str:
    """The name under which a list is stored. Both forms of the names of address books are one name in lower case (RFC 6134 §2.6);
    other names, `tag:` URIs for instance, are compared as they are."""
    lower = text.lower()
    if lower.startswith(_LONG):
        return _SHORT + lower[len(_LONG) :]
    return lower if lower.startswith(_SHORT) else text


def parse_list_name(text: str) -> str:
    """The normal name. Raises `InvalidArgument` for what is no URI."""
    if len(text) > MAX_LIST_NAME_CHARACTERS or not _NAME.fullmatch(text) or ":" not in text:
        raise InvalidArgument(
            f"the name of a list must be a URI of at most {MAX_LIST_NAME_CHARACTERS} characters, such as {ADDRESS_BOOK} or "
            "tag:example.org,2026:friends"
        )
    return normal_list_name(text)


def normal_member(text: str) -> str:
    """Members are compared without regard to case and outer spaces."""
    return text.strip().lower()


def parse_members(texts: Iterable[str]) -> tuple[str, ...]:
    """Different members in their order; empty texts are left out. Raises `InvalidArgument`."""
    members = tuple(dict.fromkeys(filter(None, map(normal_member, texts))))
    if len(members) > MAX_MEMBERS:
        raise InvalidArgument(f"a list has at most {MAX_MEMBERS} members")
    for one in members:
        if len(one) > MAX_MEMBER_CHARACTERS or not one.isprintable():
            raise InvalidArgument(
                f"a member must be at most {MAX_MEMBER_CHARACTERS} printable characters: {one[:40]!r}"
            )
    return members
