"""What a dry run tells."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from compostela.core.mail.model import Mail


@dataclass(slots=True)
class Step:
    """A pair of a processor that had a look at a mail."""

    processor: str
    matcher: str
    mailet: str
    recipients: list[str]
    """Those that matched, or, when none did, those of the mail."""
    matched: bool
    effects: list[str] = field(default_factory=list)
    """What the mailet would have done, in words."""
    changes: list[str] = field(default_factory=list)
    """What became of the mail itself, in words."""


@dataclass(slots=True)
class ExplainedMail:
    """One mail's way: the mail that was given, a part that was split off, or a mail that a mailet made."""

    name: str
    sender: str
    recipients: list[str]
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class End:
    """Where the way ends for a recipient."""

    recipient: str
    what: str


@dataclass(slots=True)
class Explanation:
    """`is_complete` is False if there were more mails than a dry run follows."""

    mails: list[ExplainedMail] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    is_complete: bool = True

    def mail(self, mail: Mail) -> ExplainedMail:
        """The record of a mail by its name, made at its first step."""
        for known in self.mails:
            if known.name == mail.name:
                return known
        made = ExplainedMail(mail.name, sender_of(mail), names_of(mail.recipients))
        self.mails.append(made)
        return made

    def end(self, recipients: Sequence[object], what: str) -> None:
        self.ends += [End(str(recipient), what) for recipient in recipients]


def names_of(recipients: Sequence[object]) -> list[str]:
    return [str(one) for one in recipients]


def sender_of(mail: Mail) -> str:
    return "<>" if mail.sender is None else str(mail.sender)
