"""What SPF says (RFC 7208 §2.6), and the Received-SPF field that records it (§9.1)."""

import enum
import re
from dataclasses import dataclass

from compostela.model.mail_address import MailAddress

_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+)*")
_QUOTED_SPECIAL = re.compile(r'(["\\])')
_COMMENT_SPECIAL = re.compile(r"([()\\])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SpfCode(enum.Enum):
    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class SpfResult:
    """A result with its reasons."""

    code: SpfCode
    mechanism: str = ""
    """The directive that matched, `default` when none did; empty for errors and for none."""
    explanation: str | None = None
    """What the domain's owner says to a fail (§6.2). It comes from outside: the peer's words, not ours."""
    problem: str = ""
    """Why it is an error, or none."""


@dataclass(frozen=True, slots=True)
class SpfIdentity:
    """What was checked: the client by its address, for MAIL FROM or, with the null reverse path, for HELO (§2.3, §2.4)."""

    ip: str
    helo: str
    sender: MailAddress | None
    """The reverse path; None for the null one."""

    @property
    def name(self) -> str:
        return "helo" if self.sender is None else "mailfrom"

    @property
    def address(self) -> str:
        """The <sender> of check_host()."""
        return f"postmaster@{self.helo}" if self.sender is None else str(self.sender)

    @property
    def domain(self) -> str:
        """The <domain> of check_host()."""
        return self.helo if self.sender is None else self.sender.domain.name


_COMMENTS = {
    SpfCode.NONE: "{address} has no sender policy for {ip}",
    SpfCode.NEUTRAL: "{ip} is neither permitted nor denied by domain of {address}",
    SpfCode.PASS: "domain of {address} designates {ip} as permitted sender",
    SpfCode.FAIL: "domain of {address} does not designate {ip} as permitted sender",
    SpfCode.SOFTFAIL: "domain of transitioning {address} does not designate {ip} as permitted sender",
    SpfCode.TEMPERROR: "temporary error in processing during lookup of {address}",
    SpfCode.PERMERROR: "permanent error in processing during lookup of {address}",
}


def received_spf(result: SpfResult, identity: SpfIdentity, receiver: str) -> str:
    """The value of a Received-SPF field, on one line."""
    comment = _COMMENTS[result.code].format(address=identity.address, ip=identity.ip)
    pairs = [
        ("receiver", receiver),
        ("identity", identity.name),
        ("client-ip", identity.ip),
        ("envelope-from", str(identity.sender or "")),
        ("helo", identity.helo),
    ]
    if result.mechanism:
        pairs.append(("mechanism", result.mechanism))
    if result.problem:
        pairs.append(("problem", result.problem))
    told = "; ".join(f"{name}={_value(value)}" for name, value in pairs)
    return f"{result.code.value} ({_comment(f'{receiver}: {comment}')}) {told};"


def _value(text: str) -> str:
    if _DOT_ATOM.fullmatch(text):
        return text
    return '"' + _QUOTED_SPECIAL.sub(r"\\\1", _CONTROL.sub("?", text)) + '"'


def _comment(text: str) -> str:
    return _COMMENT_SPECIAL.sub(r"\\\1", _CONTROL.sub("?", text))
