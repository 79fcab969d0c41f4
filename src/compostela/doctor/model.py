"""Checks and findings. Every check stands alone: one that fails or takes too long is a finding of its own."""

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from compostela.core.dns.ports import DnsTemporaryFailure

_log = logging.getLogger(__name__)

CHECKS = (
    "ports", "certificate", "tls", "passwords", "relay", "roles", "account", "names", "reverse-dns", "mx", "spf", "dkim", "dmarc",
    "mta-sts", "tls-rpt", "services", "dane", "block-lists",
)  # fmt: skip
"""The names of all checks."""
AT_ONCE = 8
"""Checks that run at the same time."""
MAX_SHOWN = 5
"""Subjects that one finding names."""
ALL_CHECKS = 4
"""The whole takes no longer than so many checks that use up their time."""


class Severity(enum.IntEnum):
    """The order is that of badness."""

    OK = 0
    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One result."""

    severity: Severity
    subject: str
    """What it is about: a domain, an address, a port."""
    what: str
    why: str = ""
    """Why it matters."""
    fix: str = ""
    """The exact record or element to add or change."""
    check: str = ""

    def document(self) -> dict[str, str]:
        """As JSON."""
        return {
            "check": self.check,
            "severity": self.severity.word,
            "subject": self.subject,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True)
class Account:
    """A user to log in as. The test mail goes to the user's own address."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Check:
    """`run` may raise what it likes."""

    name: str
    """One of `CHECKS`."""
    subject: str
    run: Callable[[], Awaitable[list[Finding]]]
    in_turn: bool = False
    """Never at the same time as another one that says so."""


async def examine(checks: Sequence[Check], seconds: float) -> list[Finding]:
    """Runs all checks; each has so many seconds, and the whole four times as many. Findings come in the order of the
    checks, those that there was no time left for at the end; what two of them say in the same words (of an exchanger that two
    domains share) comes once."""
    end = asyncio.get_running_loop().time() + ALL_CHECKS * seconds
    places = asyncio.Semaphore(AT_ONCE)
    turn = asyncio.Lock()
    late: list[Check] = []

    async def one(check: Check) -> list[Finding]:
        async with turn if check.in_turn else places:
            left = min(seconds, end - asyncio.get_running_loop().time())
            if left <= 0:
                late.append(check)
                return []
            found = await _run(check, left)
        return [replace(finding, check=check.name) for finding in found]

    found = await asyncio.gather(*(one(check) for check in checks))
    return [*dict.fromkeys(finding for findings in found for finding in findings), *_not_begun(late)]


def _not_begun(late: Sequence[Check]) -> Iterator[Finding]:
    """One finding for each name: with a dead name server and many domains there are hundreds."""
    for name in dict.fromkeys(check.name for check in late):
        subjects = [check.subject for check in late if check.name == name]
        more = f" and {len(subjects) - MAX_SHOWN} more" if len(subjects) > MAX_SHOWN else ""
        text = f"The time was up before {', '.join(subjects[:MAX_SHOWN])}{more} could be examined."
        fix = "fewer at once, by --domain and --check; check.timeout in doctor.properties"
        yield Finding(Severity.WARNING, subjects[0], text, "Nothing is known about these.", fix, name)


async def _run(check: Check, seconds: float) -> list[Finding]:
    try:
        async with asyncio.timeout(seconds):
            return await check.run()
    except TimeoutError:
        return [Finding(Severity.WARNING, check.subject, f"The check was given up after {seconds:.0f} seconds.")]
    except DnsTemporaryFailure as error:
        return [
            Finding(
                Severity.WARNING,
                check.subject,
                f"DNS did not answer: {error}",
                "Nothing can be said about this now. Senders that cannot look the server up wait with their mail.",
                "See <servers> in dnsservice.xml, and the name servers of the domain.",
            )
        ]
    except Exception as error:
        _log.exception("the check %s of %s failed", check.name, check.subject)
        return [Finding(Severity.WARNING, check.subject, f"The check failed: {type(error).__name__}: {error}")]


def worst(findings: Sequence[Finding]) -> Severity:
    return max((finding.severity for finding in findings), default=Severity.OK)


def exit_status(findings: Sequence[Finding]) -> int:
    """0 for nothing worse than information, 1 for a warning, 2 for an error."""
    return max(0, worst(findings) - Severity.INFO)


def document(findings: Sequence[Finding]) -> dict[str, object]:
    """The whole as JSON."""
    return {"worst": worst(findings).word, "findings": [finding.document() for finding in findings]}
