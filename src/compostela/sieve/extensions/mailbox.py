"""Existence of mailboxes and annotations of mailboxes and of the server (RFC 5490)."""

from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.matching import NO_VALUES, Values
from compostela.sieve.run import Run
from compostela.sieve.signatures import Positional, Tag, Type, of_test
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call

CREATE = Tag("create", capability="mailbox")


def _mailboxexists(call: Call, compiler: Compiler) -> RunTest:
    names = compiler.texts(call.texts("mailboxes") or ())
    return lambda run: all(run.host.mailbox_exists(name) for name in names(run))


def _metadata(call: Call, compiler: Compiler) -> RunTest:
    mailbox = compiler.optional_text(call.text("mailbox"))
    annotation = compiler.text(call.text("annotation") or "")

    def values(run: Run) -> Values:
        value = run.host.metadata(mailbox(run), annotation(run))
        return NO_VALUES if value is None else Values((value,))

    return compiler.match(call, values)


def _metadataexists(call: Call, compiler: Compiler) -> RunTest:
    mailbox = compiler.optional_text(call.text("mailbox"))
    annotations = compiler.texts(call.texts("annotations") or ())

    def test_exists(run: Run) -> bool:
        name = mailbox(run)
        return all(run.host.metadata(name, annotation) is not None for annotation in annotations(run))

    return test_exists


_MAILBOX = Positional("mailbox", Type.STRING)
_ONE = (Positional("annotation", Type.STRING), Positional("keys", Type.STRINGS))
_SOME = (Positional("annotations", Type.STRINGS),)

DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test("mailboxexists", "mailbox", positionals=(Positional("mailboxes", Type.STRINGS),)), _mailboxexists
    ),
    TestDefinition(
        of_test("metadata", "mboxmetadata", tags=MATCH, positionals=(_MAILBOX, *_ONE), checks=(check_match,)), _metadata
    ),
    TestDefinition(of_test("metadataexists", "mboxmetadata", positionals=(_MAILBOX, *_SOME)), _metadataexists),
    TestDefinition(
        of_test("servermetadata", "servermetadata", tags=MATCH, positionals=_ONE, checks=(check_match,)), _metadata
    ),
    TestDefinition(of_test("servermetadataexists", "servermetadata", positionals=_SOME), _metadataexists),
)
