"""What an SMTP or LMTP server offers in its answer to EHLO or LHLO (RFC 5321 §4.1.1.1)."""

import re
from collections.abc import Iterable, Mapping

_LIMIT = re.compile(r"[1-9][0-9]{0,5}")
_SIZE = re.compile(r"[0-9]{1,20}")


class Capabilities:
    """Keywords in capitals, each with its parameters. `in` asks for a keyword."""

    __slots__ = ("_offered",)

    def __init__(self, offered: Mapping[str, str]) -> None:
        self._offered = offered

    @classmethod
    def parse(cls, lines: Iterable[str]) -> "Capabilities":
        """`lines` are those after the first, which greets."""
        words = [line.partition(" ") for line in lines]
        return cls({keyword.upper(): parameters for keyword, _, parameters in words})

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._offered

    @property
    def size_limit(self) -> int | None:
        """The largest message in octets (RFC 1870 §4), None when there is no limit or the server does not tell."""
        value = self._offered.get("SIZE", "").strip()
        return int(value) or None if _SIZE.fullmatch(value) else None

    @property
    def mechanisms(self) -> frozenset[str]:
        """The mechanisms of AUTH (RFC 4954 §3)."""
        return frozenset(self._offered.get("AUTH", "").upper().split())

    def limit(self, name: str) -> int | None:
        """A limit that the server has declared (RFC 9422 §3), None when there is none."""
        for word in self._offered.get("LIMITS", "").split():
            limit, _, value = word.partition("=")
            if limit == name:
                return int(value) if _LIMIT.fullmatch(value) else None
        return None


NOTHING_OFFERED = Capabilities({})
"""Before EHLO, after HELO, and after the handshake of STARTTLS (RFC 3207 §4.2)."""
