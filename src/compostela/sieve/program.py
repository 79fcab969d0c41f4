"""A script ready to run: compiled once, run for each message."""

import datetime as dt
import time

from compostela.sieve.actions import Action, Discard, FileInto, Keep, Notify, Vacation, mailbox_of
from compostela.sieve.compiler import Compiler
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.extensions.imap4flags import implicit_flags
from compostela.sieve.host import Envelope, SieveHost, SieveMessage
from compostela.sieve.limits import DEFAULT_LIMITS, Limits
from compostela.sieve.parts import Draft
from compostela.sieve.registry import COMMANDS, TESTS
from compostela.sieve.run import Outcome, Return, Run, Stop
from compostela.sieve.tree import Script

_COMMANDS = {name: one.compile for name, one in COMMANDS.items()}
_TESTS = {name: one.compile for name, one in TESTS.items()}


class Program:
    """Stateless after construction, so several threads may run it at once. To make one costs
    about as much as 15 runs: keep it for each active script."""

    __slots__ = ("commands", "limits", "script")

    def __init__(self, script: Script, limits: Limits = DEFAULT_LIMITS) -> None:
        compiler = Compiler(_COMMANDS, _TESTS, frozenset(script.capabilities), limits)
        self.script = script
        self.limits = limits
        self.commands = compiler.block(script.commands)

    def run(
        self, message: SieveMessage, envelope: Envelope, host: SieveHost, now: dt.datetime | None = None
    ) -> Outcome:
        """What is to be done with the message. `now` needs a time zone, which is the local one for the script; the current
        time in UTC by default. A failure of the script is told in the outcome; an exception of `host` or `message` passes through."""
        run = Run(
            message=message,
            envelope=envelope,
            host=host,
            limits=self.limits,
            now=now or dt.datetime.now(dt.UTC),
            draft=Draft(message, self.limits),
            deadline=time.monotonic() + self.limits.seconds,
            active=[self],
        )
        try:
            self.commands(run)
        except (Stop, Return):
            pass
        except ScriptFailure as failure:
            return Outcome((Keep(is_implicit=True),), failure, (), tuple(run.log))
        return Outcome(_finished(run), None, tuple(run.duplicates.values()), tuple(run.log))


def _finished(run: Run) -> tuple[Action, ...]:
    actions = run.actions
    if run.keeps and not any(isinstance(one, Keep | FileInto) and mailbox_of(one) == "INBOX" for one in actions):
        actions.append(Keep(implicit_flags(run), run.edited(), is_implicit=True))
    elif not run.keeps and all(isinstance(action, Vacation | Notify) for action in actions):
        actions.append(Discard())
    return tuple(actions)
