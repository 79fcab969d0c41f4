"""What a script wants to be done with a message. The caller carries the actions out in their order."""

from dataclasses import dataclass

from compostela.model.flags import Flags


@dataclass(frozen=True, slots=True)
class EditedMessage:
    """The message as the script changed it (RFC 5293, RFC 5703): header block with its empty line, and body."""

    header: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Keep:
    """Store the message in the default mailbox. `flags` is None if the script sets none, `message` if it is unchanged."""

    flags: Flags | None = None
    message: EditedMessage | None = None
    is_implicit: bool = False


@dataclass(frozen=True, slots=True)
class FileInto:
    """Store the message in `mailbox`, as the script names it. `create`: make a missing mailbox (RFC 5490 §3.2); otherwise
    a missing one is answered as the site likes. `special_use`: prefer the mailbox with this attribute (RFC 8579 §4)."""

    mailbox: str
    flags: Flags | None = None
    create: bool = False
    special_use: str | None = None
    message: EditedMessage | None = None


def mailbox_of(action: Keep | FileInto) -> str:
    """Where the message is stored; INBOX is INBOX in any case (RFC 3501 §5.1)."""
    if isinstance(action, Keep) or action.mailbox.upper() == "INBOX":
        return "INBOX"
    return action.mailbox


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the message on to one address."""

    address: str
    message: EditedMessage | None = None


@dataclass(frozen=True, slots=True)
class RedirectToList:
    """Send the message on to the members of an external list (RFC 6134 §2.8)."""

    list_name: str
    message: EditedMessage | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the message; the sender learns the reason (RFC 5429 §2.2). `is_ereject`: refuse with
    an SMTP or LMTP reply if at all possible (§2.1)."""

    reason: str
    is_ereject: bool = False


@dataclass(frozen=True, slots=True)
class Discard:
    """Do nothing with the message."""


@dataclass(frozen=True, slots=True)
class CarbonCopy:
    """Where a copy of a generated message is stored (RFC 8580)."""

    mailbox: str
    flags: Flags | None = None
    create: bool = False
    special_use: str | None = None


@dataclass(frozen=True, slots=True)
class Vacation:
    """Answer the sender (RFC 5230), unless the same `handle` answered `recipient` within the last `seconds`; None is the
    site's default. `reason` is the text, or a whole MIME entity with its header if `is_mime`. The engine has made sure that the
    message may be answered at all."""

    recipient: str
    reason: str
    subject: str
    handle: str
    seconds: int | None = None
    from_: str | None = None
    is_mime: bool = False
    in_reply_to: str | None = None
    references: str | None = None
    copy: CarbonCopy | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell somebody about the message (RFC 5435). `importance` is 1 (high) to 3 (low)."""

    method: str
    message: str | None = None
    from_: str | None = None
    importance: int = 2
    options: tuple[str, ...] = ()
    copy: CarbonCopy | None = None


Action = Keep | FileInto | Redirect | RedirectToList | Reject | Discard | Vacation | Notify
