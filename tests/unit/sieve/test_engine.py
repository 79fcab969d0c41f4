"""The engine as its callers meet it: stored trees, hosts, threads, warnings."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.sieve.actions import Action, FileInto, Keep
from compostela.sieve.capabilities import CAPABILITIES
from compostela.sieve.errors import Severity
from compostela.sieve.host import MessageBytes, PlainHost
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.registry import COMMANDS, TESTS
from compostela.sieve.tree import VERSION, Script
from tests.unit.sieve.mails import ENVELOPE, mail
from tests.unit.sieve.scripts import actions, message, problems, program, run

FINGERPRINTS = {1: "966bb6f065b4be21"}
"""Of the signatures, for each version of the tree."""


def test_a_tree_of_other_signatures_has_another_version() -> None:
    """A stored tree that the compiler of today does not understand would fail for each mail."""
    signatures = [one.signature for one in (*COMMANDS.values(), *TESTS.values())]
    told = sorted(repr((one.name, one.role, one.tests, one.has_block, one.tags, one.positionals)) for one in signatures)
    assert hashlib.sha256("\n".join(told).encode()).hexdigest()[:16] == FINGERPRINTS[VERSION]


def test_another_version_is_read_again() -> None:
    script = read_script("keep;").script
    assert Script.loads(script.dumps()) == script
    assert Script.loads(Script(VERSION + 1, (), ()).dumps()) is None
    assert Script.loads(b"") is None


def test_what_the_host_raises_reaches_the_caller() -> None:
    class Away(PlainHost):
        def mailbox_exists(self, mailbox: str) -> bool:
            raise TemporaryFailure("the store is away")

    with pytest.raises(TemporaryFailure):
        run('require "mailbox"; if mailboxexists "a" { keep; }', host=Away())


def test_a_program_runs_on_several_threads_at_once() -> None:
    shared = program(
        'require ["variables", "fileinto"]; if header :matches "Subject" "*" { set "a" "${1}"; } fileinto "${a}";'
    )

    def one(number: int) -> tuple[Action, ...]:
        return shared.run(message(f"Subject: s{number}\n\n"), ENVELOPE, PlainHost()).actions

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(200))) == [(FileInto(f"s{number}"),) for number in range(200)]


def test_warnings_leave_the_script_valid() -> None:
    reading = read_script('require ["fileinto", "fileinto"];\nstop;\nif header "X:" "y" { keep; }')
    assert [(str(one.place), one.severity) for one in reading.warnings] == [
        ("line 1, column 22", Severity.WARNING), ("line 3, column 1", Severity.WARNING), ("line 3, column 4", Severity.WARNING),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "place", "complaint"),
    [
        ("keep", "line 1, column 5", "expected ';' or a block after 'keep', found the end of the script"),
        ('require "fileinot";', "line 1, column 9", "unknown extension 'fileinot'; did you mean 'fileinto'?"),
        ("keep;\r\n  fileinto \"a\";", "line 2, column 3", "'fileinto' needs require \"fileinto\""),
        ('if header :comparator "x" "a" "b" {}', "line 1, column 4", "unknown comparator 'x'"),
        ("if true {\n keep;\n", "line 1, column 9", "the block is not closed: expected '}'"),
        ("keep; }", "line 1, column 7", "'}' closes no block"),
        ('redirect "a', "line 1, column 10", "the string is not closed: expected '\"'"),
        ("size :over 99999999999999999999;", "line 1, column 12", "the number is too large"),
        ('if size :over "a" {}', "line 1, column 15", "the argument 'limit' must be a number, not a string"),
        ('require "relational"; if header :value "a" "b" {}', "line 1, column 26", "'header' takes 2 positional arguments, but has 1"),
        ("keep; require \"fileinto\";", "line 1, column 7", "'require' must come before all other commands"),
        ("ke\u00e9p;", "line 1, column 3", "unexpected character '\u00e9'"),
        ('require "vacation"; vacation :dayz 3 "x";', "line 1, column 30", "'vacation' has no tag ':dayz'; did you mean 'days'?"),
        ("discard 1;", "line 1, column 9", "'discard' takes 0 positional arguments, but has 1"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong_and_where(script: str, place: str, complaint: str) -> None:
    found = problems(script)[0]
    assert (str(found.place), found.message) == (place, complaint)


def test_octets_that_are_no_utf8_have_a_place() -> None:
    found = problems(b"keep;\n# \xc3\xa9 \xff\n")[0]
    assert (str(found.place), found.message) == ("line 2, column 5", "the script must be UTF-8")


def test_every_capability_is_used() -> None:
    used = {
        "encoded-character",
        "log",
        *(f"comparator-i;{name}" for name in ("octet", "ascii-casemap", "ascii-numeric")),
    }
    for one in (*COMMANDS.values(), *TESTS.values()):
        used.update(one.signature.capabilities, (tag.capability for tag in one.signature.tags if tag.capability))
    assert used == CAPABILITIES


def test_an_unchanged_message_is_not_carried() -> None:
    assert actions("keep;") == [Keep()]


def test_an_empty_mail() -> None:
    script = Program(read_script('require "body"; if not anyof (exists "a", body :raw :contains "a") { keep; }').script)
    assert script.run(MessageBytes.of(b""), ENVELOPE, PlainHost()).actions == (Keep(),)
    assert script.run(mail("plain"), ENVELOPE, PlainHost()).actions == (Keep(is_implicit=True),)
