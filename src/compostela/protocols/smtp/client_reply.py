"""A server's reply as the SMTP client reads it: code, enhanced code (RFC 3463), text."""

import re
from dataclasses import dataclass

MAX_SHOWN = 1000
"""Characters of a reply in `text`."""
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_CLOSING = 421
_TOO_MANY = (452, 552)
"""552 is the code of old (RFC 5321 §4.5.3.1.10)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply code and the text of each line (RFC 5321 §4.2.1)."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Code and text in one line, cut."""
        return f"{self.code} {' '.join(self.lines)}"[:MAX_SHOWN]

    @property
    def enhanced(self) -> str:
        """The enhanced code, empty without one."""
        found = _ENHANCED.match(self.lines[0])
        return "" if found is None else found.group()

    @property
    def is_positive(self) -> bool:
        """Done (RFC 5321 §4.2.1). A reply that only asks for more, as 354 does, is not positive."""
        return 200 <= self.code < 300

    @property
    def is_go_ahead(self) -> bool:
        """The message, or the next step of AUTH, may come."""
        return 300 <= self.code < 400

    @property
    def is_deferral(self) -> bool:
        """Refused for now."""
        return 400 <= self.code < 500

    @property
    def is_refusal(self) -> bool:
        """Refused, for now or for good."""
        return 400 <= self.code < 600

    @property
    def is_closing(self) -> bool:
        """The server ends the session, whatever the command was (RFC 5321 §3.8)."""
        return self.code == _CLOSING

    @property
    def is_of_too_many(self) -> bool:
        """Said of a recipient when the peer takes no more with this mail."""
        return self.code in _TOO_MANY and self.enhanced[2:] in ("", "5.3")
