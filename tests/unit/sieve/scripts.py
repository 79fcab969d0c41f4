"""Running scripts in tests."""

import datetime as dt

from compostela.sieve.actions import Action
from compostela.sieve.errors import Problem, ScriptError
from compostela.sieve.host import Envelope, MessageBytes, PlainHost, SieveHost
from compostela.sieve.limits import DEFAULT_LIMITS, Limits
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.run import Outcome
from compostela.sieve.tree import Script
from tests.unit.sieve.mails import ENVELOPE, mail

NOW = dt.datetime(2026, 11, 28, 12, 30, 15, tzinfo=dt.timezone(dt.timedelta(hours=1)))


def message(text: str) -> MessageBytes:
    """A mail from its text with plain line ends."""
    return MessageBytes.of(text.replace("\n", "\r\n").encode())


def program(script: str, limits: Limits = DEFAULT_LIMITS) -> Program:
    """Through the stored form, as a server does it."""
    stored = Script.loads(read_script(script, limits).script.dumps())
    assert stored is not None
    return Program(stored, limits)


def run(
    script: str,
    mail_: MessageBytes | str = "plain",
    host: SieveHost | None = None,
    envelope: Envelope = ENVELOPE,
    limits: Limits = DEFAULT_LIMITS,
) -> Outcome:
    given = mail(mail_) if isinstance(mail_, str) else mail_
    return program(script, limits).run(given, envelope, host or PlainHost(), NOW)


def actions(*arguments: object, **named: object) -> list[Action]:
    """Of a run that must not fail."""
    outcome = run(*arguments, **named)  # type: ignore[arg-type]
    assert outcome.failure is None
    return list(outcome.actions)


def problems(script: str | bytes, limits: Limits = DEFAULT_LIMITS) -> list[Problem]:
    """All of a script that must be refused."""
    try:
        read_script(script, limits)
    except ScriptError as error:
        return list(error.problems)
    raise AssertionError("the script is valid")
