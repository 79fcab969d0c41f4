"""The test `environment` (RFC 5183)."""

from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.matching import NO_VALUES, Values
from compostela.sieve.run import Run
from compostela.sieve.signatures import Positional, Type, of_test
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call


def _environment(call: Call, compiler: Compiler) -> RunTest:
    name = compiler.text(call.text("item") or "")

    def values(run: Run) -> Values:
        # RFC 5183 §4: an unknown item matches nothing
        value = run.host.environment(name(run).lower())
        return NO_VALUES if value is None else Values((value,))

    return compiler.match(call, values)


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "environment",
            "environment",
            tags=MATCH,
            positionals=(Positional("item", Type.STRING), Positional("keys", Type.STRINGS)),
            checks=(check_match,),
        ),
        _environment,
    ),
)
