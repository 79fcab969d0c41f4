"""The path of a mailbox: namespace, owner and hierarchical name."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.model.username import Username

PERSONAL_NAMESPACE = "#private"
INBOX = "INBOX"
DELIMITER = "."
MAX_MAILBOX_NAME_LENGTH = 200
_FORBIDDEN = frozenset("%*\r\n\x00")


@dataclass(frozen=True, slots=True, order=True)
class MailboxPath:
    """A mailbox of `user`, named with `DELIMITER` between its levels; INBOX is always in capitals."""

    namespace: str
    user: Username
    name: str

    @classmethod
    def personal(cls, user: Username, name: str) -> "MailboxPath":
        return cls(PERSONAL_NAMESPACE, user, normalise_mailbox_name(name))

    @classmethod
    def inbox(cls, user: Username) -> "MailboxPath":
        return cls(PERSONAL_NAMESPACE, user, INBOX)

    @property
    def is_inbox(self) -> bool:
        return self.name == INBOX

    def parents(self) -> list["MailboxPath"]:
        """All ancestors, the top one first."""
        levels = self.name.split(DELIMITER)
        return [self.sibling(DELIMITER.join(levels[:n])) for n in range(1, len(levels))]

    def sibling(self, name: str) -> "MailboxPath":
        return MailboxPath(self.namespace, self.user, name)

    def is_below(self, other: "MailboxPath") -> bool:
        return (
            self.user == other.user
            and self.namespace == other.namespace
            and self.name.startswith(other.name + DELIMITER)
        )


def normalise_mailbox_name(name: str) -> str:
    """Folds the case of INBOX (also as the first level) and drops one trailing delimiter."""
    name = name.removesuffix(DELIMITER)
    first, delimiter, rest = name.partition(DELIMITER)
    return INBOX + delimiter + rest if first.upper() == INBOX else name


def check_mailbox_name(name: str) -> None:
    """Raises `InvalidArgument` for a name under which no mailbox may be made."""
    if not name or "" in name.split(DELIMITER):
        raise InvalidArgument("a mailbox name must not have an empty level")
    if len(name) > MAX_MAILBOX_NAME_LENGTH:
        raise InvalidArgument("too long mailbox name")
    if name.startswith("#") or not _FORBIDDEN.isdisjoint(name):
        raise InvalidArgument("a mailbox name must not start with '#' nor contain '%', '*' or a line end")
