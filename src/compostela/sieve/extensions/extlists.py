"""External lists: the test `valid_ext_list` (RFC 6134 §2.5). The match type `:list` is in the compiler, `redirect :list` with redirect."""

from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.signatures import Positional, Type, of_test
from compostela.sieve.tree import Call


def _valid_ext_list(call: Call, compiler: Compiler) -> RunTest:
    names = compiler.texts(call.texts("lists") or ())
    return lambda run: all(run.host.list_exists(name) for name in names(run))


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test("valid_ext_list", "extlists", positionals=(Positional("lists", Type.STRINGS),)), _valid_ext_list
    ),
)
