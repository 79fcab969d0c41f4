"""What a next hop answers."""

import re

from compostela.core.outbound.ports import Refusal

_ENHANCED = re.compile(r"[245]\.(\d{1,3}\.\d{1,3})\b")


class Reply:
    """A reply code and the text of each line (RFC 5321 §4.2.1)."""

    __slots__ = ("code", "lines")

    def __init__(self, code: int, lines: list[str]) -> None:
        self.code = code
        self.lines = lines

    @property
    def refusal(self) -> Refusal:
        text = f"{self.code} {' '.join(self.lines)}"[:1000]
        return Refusal(self.code, text) if 400 <= self.code <= 599 else Refusal(0, f"an answer out of place: {text}")

    @property
    def is_positive(self) -> bool:
        """Done (RFC 5321 §4.2.1). What only asks for more, as 354 does, is no answer to a message."""
        return 200 <= self.code < 300

    @property
    def is_of_too_many(self) -> bool:
        """Said of a recipient when the peer takes no more with this mail. 552 is the code of old (RFC 5321 §4.5.3.1.10)."""
        enhanced = _ENHANCED.match(self.lines[0])
        return self.code in (452, 552) and (enhanced is None or enhanced.group(1) == "5.3")

    @property
    def is_go_ahead(self) -> bool:
        """The message may come."""
        return 300 <= self.code < 400
