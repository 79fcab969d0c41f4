"""Debian's `sieve-test` as a second opinion: both sides' results in one form.

A result is the text of what is to be done, one action a line, sorted; or `error` for a script that is refused, or `failure` for one
that fails while it runs."""

import datetime as dt
import os
import re
import subprocess
from pathlib import Path

from compostela.model.flags import Flags, SystemFlag
from compostela.sieve.actions import Action, Discard, FileInto, Keep, Notify, Redirect, Reject, Vacation
from compostela.sieve.errors import ScriptError
from compostela.sieve.host import PlainHost
from compostela.sieve.mailto import parse_mailto
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from tests.unit.sieve.cases import Case
from tests.unit.sieve.mails import MAILS, mail

_NOBODY = 65534
_EXTENSIONS = (
    "+editheader +spamtestplus +spamtest +virustest +mboxmetadata +servermetadata +imap4flags +vacation-seconds"
)


def ours(case: Case) -> str:
    try:
        program = Program(read_script(case.script).script)
    except ScriptError:
        return "error"
    outcome = program.run(mail(case.mail), case.envelope, PlainHost(), dt.datetime.now(dt.UTC))
    if outcome.failure is not None:
        return "failure"
    return "\n".join(sorted(_action(action) for action in outcome.actions if not isinstance(action, Discard)))


def _action(action: Action) -> str:
    match action:
        case Keep():
            return f"store INBOX{_flags(action.flags)}"
        case FileInto():
            return f"store {action.mailbox}{_flags(action.flags)}{' create' if action.create else ''}"
        case Redirect():
            return f"redirect {action.address}"
        case Reject():
            return f"reject {' '.join(action.reason.split())}"
        case Vacation():
            seconds = 604_800 if action.seconds is None else action.seconds
            return f"vacation {seconds} {action.from_ or '-'} {' '.join(action.reason.split())}"
        case Notify():
            return f"notify {action.importance} {' '.join(parse_mailto(action.method).to)}"
    raise AssertionError(action)


def _flags(flags: Flags | None) -> str:
    if flags is None:
        return ""
    names = [f"\\{flag.name.lower()}" for flag in SystemFlag if flag in flags and flag.name]
    if not names and not flags.keywords:
        return ""
    return f" flags {' '.join(sorted([*names, *(keyword.lower() for keyword in flags.keywords)]))}"


class SieveTest:
    """Runs `sieve-test` in a folder of its own, which it may write to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        user, group = (_NOBODY, _NOBODY) if os.getuid() == 0 else (os.getuid(), os.getgid())
        for name in ("home", "home/sieve", "mail"):
            (folder / name).mkdir()
            os.chown(folder / name, user, group)
        os.chown(folder, user, group)
        (folder / "dovecot.conf").write_text(
            "protocols =\nssl = no\npostmaster_address = postmaster@example.org\n"
            f"mail_location = maildir:{folder}/mail\nmail_home = {folder}/home\n"
            f"plugin {{\n  sieve_dir = {folder}/home/sieve\n  sieve = {folder}/home/active.sieve\n}}\n"
            f"mail_uid = {user}\nmail_gid = {group}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n"
        )

    def run(self, case: Case) -> str:
        script, message = self._folder / "script.sieve", self._folder / "mail.eml"
        script.write_text(case.script)
        message.write_bytes(MAILS[case.mail])
        done = subprocess.run(
            ["sieve-test", "-C", "-c", self._folder / "dovecot.conf", "-x", _EXTENSIONS, "-f", case.envelope.mail_from,
             "-r", case.envelope.rcpt_to, "-a", case.envelope.rcpt_to, script, message],
            capture_output=True, text=True, timeout=20, check=False,
            env={**os.environ, "TZ": "UTC", "HOME": str(self._folder / "home")},
        )  # fmt: skip
        if done.returncode == 89:
            assert "failed to compile" in done.stderr, done.stderr
            return "error"
        if done.returncode:
            return "failure"
        return _parsed(done.stdout)


_NOT_OURS = ("discard", "track ")
_START = re.compile(r"^ \* ", re.MULTILINE)


def _parsed(output: str) -> str:
    return "\n".join(sorted(_their_action(text) for text in _START.split(output)[1:] if not text.startswith(_NOT_OURS)))


def _their_action(text: str) -> str:
    line = text.splitlines()[0]
    if line.startswith("store message in folder: "):
        flags = re.search(r"\+ add IMAP flags: (.*)", text)
        given = f" flags {' '.join(sorted(flags[1].lower().split()))}" if flags else ""
        creates = " create" if "+ create mailbox" in text else ""
        return f"store {line.removeprefix('store message in folder: ')}{given}{creates}"
    if line.startswith("redirect message to: "):
        return f"redirect {line.removeprefix('redirect message to: ').strip('<>')}"
    if line.startswith("reject message with reason: "):
        reason = text.partition("Implicit keep:")[0].removeprefix("reject message with reason: ")
        return f"reject {' '.join(reason.replace('?', ' ').split())}"
    if line.startswith("send vacation message"):
        seconds, sender = re.search(r"seconds : (\d+)", text), re.search(r"from    : (.*)", text)
        body = re.search(r"START MESSAGE\n(.*)END MESSAGE", text, re.DOTALL)
        assert seconds
        assert body
        return f"vacation {seconds[1]} {sender[1] if sender else '-'} {' '.join(body[1].split())}"
    if line.startswith("send notification"):
        importance = re.search(r"importance   : (\d)", text)
        assert importance
        return f"notify {importance[1]} {' '.join(re.findall(r'[+] To: (.*)', text))}"
    raise AssertionError(text)
