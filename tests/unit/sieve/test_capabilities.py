"""What `require` may name works: each capability has a construct that needs it and is refused without it."""

import pytest

from compostela.sieve.capabilities import CAPABILITIES
from compostela.sieve.reader import read_script
from tests.unit.sieve.scripts import problems, run

CONSTRUCTS = {
    "body": ('if body :contains "x" { keep; }', ""),
    "comparator-i;ascii-numeric": ('if header :comparator "i;ascii-numeric" "x" "1" { keep; }', ""),
    "copy": ('redirect :copy "a@b.example";', ""),
    "date": ('if currentdate "year" "2026" { keep; }', ""),
    "duplicate": ("if duplicate { keep; }", ""),
    "editheader": ('addheader "X-A" "b";', ""),
    "enclose": ('enclose "x";', ""),
    "enotify": ('notify "mailto:a@b.example";', ""),
    "envelope": ('if envelope "from" "a@b.example" { keep; }', ""),
    "environment": ('if environment "name" "x" { keep; }', ""),
    "ereject": ('ereject "no";', ""),
    "extlists": ('if header :list "from" ":addrbook:default" { keep; }', ""),
    "extracttext": ('foreverypart { extracttext "x"; }', "foreverypart variables"),
    "fcc": ('vacation :fcc "Sent" "away";', "vacation"),
    "fileinto": ('fileinto "x";', ""),
    "foreverypart": ("foreverypart { keep; }", ""),
    "ihave": ('if ihave "fileinto" { keep; }', ""),
    "imap4flags": ('setflag "\\\\Seen";', ""),
    "include": ('include :optional "x";', ""),
    "index": ('if header :index 1 "x" "y" { keep; }', ""),
    "mailbox": ('if mailboxexists "x" { keep; }', ""),
    "mboxmetadata": ('if metadataexists "x" "/private/comment" { keep; }', ""),
    "mime": ('if header :mime "x" "y" { keep; }', ""),
    "regex": ('if header :regex "x" "y" { keep; }', ""),
    "reject": ('reject "no";', ""),
    "relational": ('if header :value "ge" "x" "y" { keep; }', ""),
    "replace": ('replace "x";', ""),
    "servermetadata": ('if servermetadataexists "/shared/admin" { keep; }', ""),
    "spamtest": ('if spamtest "1" { keep; }', ""),
    "spamtestplus": ('if spamtest :percent "1" { keep; }', ""),
    "special-use": ('if specialuse_exists "\\\\Junk" { keep; }', ""),
    "subaddress": ('if address :detail "to" "x" { keep; }', ""),
    "vacation": ('vacation "away";', ""),
    "vacation-seconds": ('vacation :seconds 60 "away";', "vacation"),
    "variables": ('set "x" "y";', ""),
    "virustest": ('if virustest "1" { keep; }', ""),
}
"""A command for each capability, and other capabilities that it needs."""
ALWAYS = {"log", "comparator-i;octet", "comparator-i;ascii-casemap", "encoded-character"}
"""These may be required, but nothing is refused without them (RFC 5228 §2.4.2.4, §2.7.3). `log` is James's own."""


def test_each_capability_is_tested() -> None:
    assert CONSTRUCTS.keys() | ALWAYS == CAPABILITIES


@pytest.mark.parametrize("capability", sorted(CONSTRUCTS))
def test_a_construct_runs_with_its_capability_and_is_refused_without(capability: str) -> None:
    command, others = CONSTRUCTS[capability]
    with_all = "".join(f'require "{one}";\n' for one in (capability, *others.split()))
    without = "".join(f'require "{one}";\n' for one in others.split())
    assert run(with_all + command).failure is None
    assert any(capability in problem.message for problem in problems(without + command)), capability


@pytest.mark.parametrize("capability", sorted(ALWAYS))
def test_what_is_always_there_may_be_required(capability: str) -> None:
    assert read_script(f'require "{capability}"; keep;').warnings == ()
