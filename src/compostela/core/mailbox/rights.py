"""Rights of an actor on a mailbox (RFC 4314 §2.1)."""

import enum
from abc import ABC, abstractmethod

from compostela.base.errors import CompostelaError
from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.model import Mailbox
from compostela.model.username import Username


class Right(enum.Flag):
    """RFC 4314 §2.1, by their letters."""

    LOOKUP = enum.auto()
    """l"""
    READ = enum.auto()
    """r"""
    SEEN = enum.auto()
    """s"""
    WRITE = enum.auto()
    """w"""
    INSERT = enum.auto()
    """i"""
    POST = enum.auto()
    """p"""
    CREATE = enum.auto()
    """k"""
    DELETE_MAILBOX = enum.auto()
    """x"""
    DELETE_MESSAGES = enum.auto()
    """t"""
    EXPUNGE = enum.auto()
    """e"""
    ADMINISTER = enum.auto()
    """a"""


ALL_RIGHTS = ~Right(0)
NO_RIGHTS = Right(0)


class NoPermission(CompostelaError):
    """The actor lacks a right. The text may be shown to the client."""


class RightsRule(ABC):
    """Decides what an actor may do. It works on what the store gives with a mailbox and reads nothing itself."""

    @abstractmethod
    def of(self, actor: Actor, mailbox: Mailbox) -> Right:
        """Return the rights of the actor on the mailbox."""

    @abstractmethod
    def in_tree(self, actor: Actor, owner: Username) -> Right:
        """Return the rights of the actor on the root of a user's tree: `CREATE` allows mailboxes there."""


class OwnerRights(RightsRule):
    """The owner and the system may do all, others nothing."""

    def of(self, actor: Actor, mailbox: Mailbox) -> Right:
        return self.in_tree(actor, mailbox.path.user)

    def in_tree(self, actor: Actor, owner: Username) -> Right:
        return ALL_RIGHTS if actor.is_system or actor.user == owner else NO_RIGHTS
