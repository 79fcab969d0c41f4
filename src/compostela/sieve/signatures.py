"""How a command or a test is written: its tags, its positional arguments, its tests and its block.

Each command and test declares a `Signature`; the validator checks scripts against it and names the arguments for the tree.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compostela.sieve.limits import DEFAULT_LIMITS, Limits
from compostela.sieve.strings import Reference, pieces
from compostela.sieve.tree import Call


class Type(enum.Enum):
    NUMBER = "a number"
    STRING = "a string"
    STRINGS = "a string or a list of strings"


class Role(enum.Enum):
    COMMAND = "command"
    TEST = "test"


class Tests(enum.Enum):
    NONE = 0
    ONE = 1
    LIST = 2


@dataclass(frozen=True, slots=True)
class Tag:
    """`group` names tags that exclude one another. `value` is the type of the argument that follows the tag; `into` is its name in
    the tree, if not the tag's. A `constant` value must not refer to variables."""

    name: str
    group: str = ""
    value: Type | None = None
    into: str = ""
    capability: str = ""
    constant: bool = False
    needs: str = ""
    """Another tag without which this one has no meaning."""


@dataclass(frozen=True, slots=True)
class Positional:
    name: str
    type: Type
    optional: bool = False
    """Optional arguments come first."""
    constant: bool = False


class Remark(str):
    """A message that is a warning, not an error."""

    __slots__ = ()


Check = Callable[[Call, "Context"], Iterator[str]]
"""Gives the messages of what is wrong with a call whose arguments have the right types; a `Remark` leaves the script valid."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a check may look at beside the call."""

    capabilities: frozenset[str]
    parents: tuple[Call, ...] = ()
    """The commands whose blocks enclose the call, the outermost first; their own blocks are not filled in yet."""
    limits: Limits = DEFAULT_LIMITS

    @property
    def loops(self) -> tuple[Call, ...]:
        return tuple(call for call in self.parents if call.name == "foreverypart")

    def is_constant(self, text: str) -> bool:
        """True if the text cannot change at run time."""
        return not self.refers(text)

    def refers(self, text: str) -> bool:
        """True if the text has a reference to a variable."""
        return "variables" in self.capabilities and any(isinstance(piece, Reference) for piece in pieces(text))


@dataclass(frozen=True, slots=True)
class Signature:
    """Make one with `of_command` or `of_test`."""

    name: str
    role: Role
    capabilities: tuple[str, ...] = ()
    """One of them must be required; none for what is always there."""
    tags: tuple[Tag, ...] = ()
    positionals: tuple[Positional, ...] = ()
    tests: Tests = Tests.NONE
    has_block: bool = False
    checks: tuple[Check, ...] = ()


def of_command(
    name: str,
    *capabilities: str,
    tags: tuple[Tag, ...] = (),
    positionals: tuple[Positional, ...] = (),
    tests: Tests = Tests.NONE,
    has_block: bool = False,
    checks: tuple[Check, ...] = (),
) -> Signature:
    return Signature(name, Role.COMMAND, capabilities, tags, positionals, tests, has_block, checks)


def of_test(
    name: str,
    *capabilities: str,
    tags: tuple[Tag, ...] = (),
    positionals: tuple[Positional, ...] = (),
    tests: Tests = Tests.NONE,
    checks: tuple[Check, ...] = (),
) -> Signature:
    return Signature(name, Role.TEST, capabilities, tags, positionals, tests, False, checks)
