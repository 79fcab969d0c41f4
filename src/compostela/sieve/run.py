"""The state of one run of a script over one message, with its limits."""

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compostela.sieve.actions import Action, EditedMessage, Notify, Redirect, RedirectToList
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.host import Envelope, SieveHost, SieveMessage
from compostela.sieve.limits import Limits
from compostela.sieve.parts import Draft, Entity

if TYPE_CHECKING:
    from compostela.sieve.program import Program


class Stop(Exception):
    """`stop`: the whole run ends."""


class Return(Exception):
    """`return`: the included script ends."""


class Break(Exception):
    """`break`: the loop of this name, or the innermost one for None, ends."""

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self.name = name


@dataclass(frozen=True, slots=True)
class DuplicateMark:
    """To be kept for `seconds` once the actions are done; None is the site's default (RFC 7352 §3)."""

    key: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class LogLine:
    level: str
    """fatal, error, warn, info, debug or trace."""
    text: str


class Scope:
    """The variables of one script: an included one has its own (RFC 6609 §3.4)."""

    __slots__ = ("declared_global", "values")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.declared_global: set[str] = set()


@dataclass(slots=True)
class Run:
    message: SieveMessage
    envelope: Envelope
    host: SieveHost
    limits: Limits
    now: dt.datetime
    """With its time zone, which is the local one for the script."""
    draft: Draft
    deadline: float
    actions: list[Action] = field(default_factory=list)
    keeps: bool = True
    """Whether the implicit keep is still to come."""
    is_answered: bool = False
    """Whether `vacation` ran, with or without an answer."""
    flags: tuple[str, ...] = ()
    """The internal variable of imap4flags."""
    matches: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)
    global_values: dict[str, str] = field(default_factory=dict)
    loops: list[Entity] = field(default_factory=list)
    """The current part of each `foreverypart` at work, the innermost last."""
    duplicates: dict[str, DuplicateMark] = field(default_factory=dict)
    log: list[LogLine] = field(default_factory=list)
    steps: int = 0
    includes: int = 0
    active: list["Program"] = field(default_factory=list)
    """The scripts at work, the first one outermost."""
    included: set[tuple[str, bool]] = field(default_factory=set)

    def spend(self, steps: int) -> None:
        """Counts commands that are about to run."""
        self.steps += steps
        if self.steps > self.limits.steps:
            raise ScriptFailure(f"the script runs more than {self.limits.steps} commands")
        self.check_time()

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise ScriptFailure(f"the script runs longer than {self.limits.seconds:g} seconds")

    def edited(self) -> EditedMessage | None:
        return self.draft.edited()

    def add(self, action: Action) -> None:
        """Raises `ScriptFailure` if there are too many of its kind."""
        limits = self.limits
        if len(self.actions) >= limits.actions:
            raise ScriptFailure(f"the script wants more than {limits.actions} actions")
        if isinstance(action, Redirect | RedirectToList):
            self._check_number((Redirect, RedirectToList), limits.redirects, "redirects")
        elif isinstance(action, Notify):
            self._check_number((Notify,), limits.notifications, "notifications")
        self.actions.append(action)

    def _check_number(self, kinds: tuple[type, ...], limit: int, what: str) -> None:
        if sum(isinstance(action, kinds) for action in self.actions) >= limit:
            raise ScriptFailure(f"the script wants more than {limit} {what}")

    # variables (RFC 5229)

    def variable(self, name: str) -> str:
        """The value of a variable in lower case, empty if it is not set."""
        if name.startswith("global."):
            return self.global_values.get(name[7:], "")
        if name in self.scope.declared_global:
            return self.global_values.get(name, "")
        return self.scope.values.get(name, "")

    def set_variable(self, name: str, value: str) -> None:
        name = name.lower()
        values = self.scope.values
        if name.startswith("global."):
            name, values = name[7:], self.global_values
        elif name in self.scope.declared_global:
            values = self.global_values
        if name not in values and len(self.scope.values) + len(self.global_values) >= self.limits.variables:
            raise ScriptFailure(f"the script has more than {self.limits.variables} variables")
        values[name] = value[: self.limits.variable_characters]

    def match_variable(self, number: int) -> str:
        return self.matches[number] if number < len(self.matches) else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done. `actions` is never empty. After a failure it is the implicit keep of the unchanged message alone, and
    `failure` tells why (RFC 5228 §2.10.6)."""

    actions: tuple[Action, ...]
    failure: ScriptFailure | None = None
    duplicates: tuple[DuplicateMark, ...] = ()
    log: tuple[LogLine, ...] = ()
