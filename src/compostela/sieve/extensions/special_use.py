"""Mailboxes by their special use: `:specialuse` and `specialuse_exists` (RFC 8579)."""

import re
from collections.abc import Iterator

from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_test
from compostela.sieve.tree import Call

SPECIAL_USE = Tag("specialuse", value=Type.STRING, capability="special-use")
_ATTRIBUTE = re.compile(r"\\[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~]+")


def check_special_use(call: Call, context: Context) -> Iterator[str]:
    for name in (*(call.texts("specialuse") or ()), *(call.texts("attributes") or ())):
        if context.is_constant(name) and not _ATTRIBUTE.fullmatch(name):
            yield f"'{name}' is no special use: write it with a backslash, such as \"\\\\Junk\""


def _exists(call: Call, compiler: Compiler) -> RunTest:
    mailbox = compiler.optional_text(call.text("mailbox"))
    attributes = compiler.texts(call.texts("attributes") or ())

    def test_exists(run: Run) -> bool:
        name = mailbox(run)
        return all(run.host.special_use_exists(name, attribute) for attribute in attributes(run))

    return test_exists


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "specialuse_exists",
            "special-use",
            positionals=(Positional("mailbox", Type.STRING, optional=True), Positional("attributes", Type.STRINGS)),
            checks=(check_special_use,),
        ),
        _exists,
    ),
)
