"""What the clients were told, and what must be there in the end.

Each mail has a mark. Of a mark the ledger knows, for each user, whether its message must be there (it was acknowledged), may be there
(the outcome is unknown), or must be gone (its expunge was acknowledged), and which keywords it must have. A message may be there
twice only if a MOVE of it had an unknown outcome: MOVE is a copy and then an expunge (see the port `MailboxStore`)."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class Presence(Enum):
    REQUIRED = "must be there"
    POSSIBLE = "may be there"
    GONE = "must be gone"


@dataclass(slots=True)
class Message:
    """A message of one user."""

    mark: str
    user: str
    presence: Presence = Presence.POSSIBLE
    mailbox: str = ""
    uid: int = 0
    """Where it was last known to be; 0: nowhere yet, or not known any more."""
    unknown_moves: int = 0
    is_busy: bool = False
    """A command on it is under way: no other client takes it up."""
    keywords: dict[str, bool | None] = field(default_factory=dict)
    """Whether it has the keyword; None: unknown."""

    @property
    def is_usable(self) -> bool:
        return self.presence is Presence.REQUIRED and self.uid > 0 and not self.is_busy


@dataclass(frozen=True, slots=True)
class Found:
    """A message as a node shows it in the end."""

    mailbox: str
    uid: int
    flags: frozenset[str]
    is_whole: bool
    """Whether its octets are those that were sent."""


class Ledger:
    """All that was sent. Belongs to one event loop."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], Message] = {}
        self.accounts: dict[str, bool | None] = {}
        """Users that administrators made (True) and removed (False); None: unknown."""
        self.faults: list[str] = []
        """What a client was told and must not be told."""
        self.temporary = 0
        """How often a client was told to try again."""
        self._count = 0

    def begin(self, kind: str, users: Iterable[str]) -> str:
        """A new mark, which is sent to these users."""
        self._count += 1
        mark = f"{kind}-{self._count}"
        for user in users:
            self.messages[mark, user] = Message(mark, user)
        return mark

    def acknowledge(self, mark: str, users: Iterable[str]) -> None:
        for user in users:
            self.messages[mark, user].presence = Presence.REQUIRED

    def usable(self, user: str, dice: random.Random) -> Message | None:
        """A message that a client may work on."""
        some = [one for one in self.messages.values() if one.user == user and one.is_usable]
        return dice.choice(some) if some else None

    @property
    def acknowledged(self) -> int:
        return sum(one.presence is not Presence.POSSIBLE for one in self.messages.values())

    def judge(self, found: Mapping[tuple[str, str], Sequence[Found]]) -> list[str]:
        """What does not agree with what the clients were told. `found`: by mark and user."""
        faults = [f"{mark} of {user} was never sent" for mark, user in found if (mark, user) not in self.messages]
        for (mark, user), message in self.messages.items():
            faults += [f"{mark} of {user}: {fault}" for fault in _faults(message, found.get((mark, user), ()))]
        return faults


def _faults(message: Message, found: Sequence[Found]) -> list[str]:
    faults = []
    least = message.presence is Presence.REQUIRED
    most = 0 if message.presence is Presence.GONE else 1 + message.unknown_moves
    if not least <= len(found) <= most:
        places = ", ".join(f"{one.mailbox} {one.uid}" for one in found)
        faults.append(f"{message.presence.value}, is there {len(found)} times ({places})")
    for one in found:
        if not one.is_whole:
            faults.append(f"other octets in {one.mailbox} {one.uid}")
        for keyword, is_set in message.keywords.items():
            if is_set is not None and is_set != (keyword in one.flags):
                faults.append(f"keyword {keyword} in {one.mailbox} {one.uid}: {not is_set}, must be {is_set}")
    return faults


def content_of(mark: str) -> tuple[bytes, bytes]:
    """Header fields and body, the same whenever they are asked for. Some bodies are so large that they go to S3."""
    dice = random.Random(mark)
    size = dice.choice((200, 200, 2_000, 6_000, 20_000, 200_000 if dice.random() < 0.2 else 400))
    line = b"%060x\r\n" % dice.getrandbits(240)
    header = b"From: a@b.example\r\nSubject: chaos\r\nX-Mark: %s\r\n" % mark.encode()
    return header, b"%s\r\n" % mark.encode() + line * (size // len(line) + 1)
