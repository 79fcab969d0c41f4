"""Scripts that adapt to the extensions that are there: `ihave` and `error` (RFC 5463)."""

from compostela.sieve.capabilities import CAPABILITIES
from compostela.sieve.compiler import Compiler, RunCommand, RunTest
from compostela.sieve.definition import CommandDefinition, Definition, TestDefinition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.run import Run
from compostela.sieve.signatures import Positional, Type, of_command, of_test
from compostela.sieve.tree import Call


def _ihave(call: Call, _: Compiler) -> RunTest:
    known = CAPABILITIES.issuperset(call.texts("capabilities") or ())
    return lambda _: known


def _error(call: Call, compiler: Compiler) -> RunCommand:
    message = compiler.text(call.text("message") or "")

    def run_error(run: Run) -> None:
        raise ScriptFailure(message(run)[:1_000])

    return run_error


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test("ihave", "ihave", positionals=(Positional("capabilities", Type.STRINGS, constant=True),)), _ihave
    ),
    CommandDefinition(of_command("error", "ihave", positionals=(Positional("message", Type.STRING),)), _error),
)
