"""Domains of authors, and the organisations that they belong to (RFC 7489 §3.2, §6.6.1)."""

from functools import cache
from typing import TYPE_CHECKING

from compostela.mailauth.dns import a_labels, is_queryable
from compostela.mime import addresses
from compostela.mime.headers import Headers

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


class NoAuthor(ValueError):
    """The message does not name authors of exactly one domain."""


def author_domain(header: bytes) -> str:
    """The domain of the From field, in A-labels and lower case. Raises `NoAuthor` if there is none, or more than one: such a mail can
    neither be let through in the name of one of them, nor be refused in the name of the other."""
    values = Headers(header).get_all(b"From")
    if len(values) != 1:
        raise NoAuthor(f"there are {len(values)} From fields")
    found = {a_labels(one.text().rpartition("@")[2].lower()) for one in addresses.parse(values[0]) if one.is_mailbox}
    if len(found) != 1:
        raise NoAuthor(f"the From field has {len(found)} domains")
    (domain,) = found
    if not is_queryable(domain) or "." not in domain or domain.startswith("["):
        raise NoAuthor("the From field has no domain name")
    return domain


def organisation(domain: str) -> str:
    """The name that the domain's owner registered, by the list of public suffixes; the domain itself if it is such a suffix."""
    found = _suffixes().privatesuffix(domain)
    return domain if found is None else str(found)


@cache
def _suffixes() -> "PublicSuffixList":
    # some 10,000 names are read: at the first use
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
