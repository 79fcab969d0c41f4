"""Domain names of managed or foreign mail domains."""

import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

MAX_DOMAIN_LENGTH = 253
_MAX_LABEL = 63
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""RFC 3490 §3.1."""
_FORBIDDEN = re.compile(r'[\s\x00-\x1f\x7f@/:,;<>()"\\]')


@dataclass(frozen=True, slots=True, order=True)
class Domain:
    """A domain name, always in lower case and, when it is internationalised, with A-labels (RFC 5890 §2.3.2.1), so that there is
    one name for all its spellings and DNS knows it. Build it with `Domain.parse`."""

    name: str

    @classmethod
    def parse(cls, text: str) -> "Domain":
        """Raises `InvalidArgument` when empty, longer than 253, with an empty label or with a forbidden character."""
        name = text.strip().lower().removesuffix(".")
        if not name.isascii():
            name = _with_a_labels(name)
        if not name:
            raise InvalidArgument("a domain must not be empty")
        if len(name) > MAX_DOMAIN_LENGTH:
            raise InvalidArgument(f"a domain must not be longer than {MAX_DOMAIN_LENGTH} characters")
        if _FORBIDDEN.search(name) or "" in name.split("."):
            raise InvalidArgument(f"{text!r} is not a domain")
        return cls(name)

    def __str__(self) -> str:
        return self.name


def _with_a_labels(name: str) -> str:
    if len(name) > MAX_DOMAIN_LENGTH:
        raise InvalidArgument(f"a domain must not be longer than {MAX_DOMAIN_LENGTH} characters")
    if any(len(label) > _MAX_LABEL for label in _DOTS.split(name)):
        # not shorter with an A-label, and slow to find out
        raise InvalidArgument(f"a label of a domain must not be longer than {_MAX_LABEL} characters")
    import idna  # slow to import, and seldom needed

    try:
        return idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidArgument(f"{name!r} is not a domain: {error}") from error


LOCALHOST = Domain("localhost")
