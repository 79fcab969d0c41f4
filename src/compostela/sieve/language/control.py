"""Control commands and the tests that combine tests (RFC 5228 §3, §5.2, §5.3, §5.8, §5.10)."""

from compostela.sieve.compiler import Compiler, RunCommand, RunTest
from compostela.sieve.definition import CommandDefinition, Definition, TestDefinition
from compostela.sieve.run import Run, Stop
from compostela.sieve.signatures import Tests, of_command, of_test
from compostela.sieve.tree import Call


def _no_chain(call: Call, _: Compiler) -> RunCommand:
    raise AssertionError(f"'{call.name}' is compiled with its chain")


def _stop(_: Call, __: Compiler) -> RunCommand:
    def run_stop(_: Run) -> None:
        raise Stop

    return run_stop


def _allof(call: Call, compiler: Compiler) -> RunTest:
    tests = tuple(compiler.test(inner) for inner in call.tests)

    def all_hold(run: Run) -> bool:
        for one in tests:  # noqa: SIM110 - a generator costs as much as a plain test
            if not one(run):
                return False
        return True

    return all_hold


def _anyof(call: Call, compiler: Compiler) -> RunTest:
    tests = tuple(compiler.test(inner) for inner in call.tests)

    def any_holds(run: Run) -> bool:
        for one in tests:  # noqa: SIM110 - see above
            if one(run):
                return True
        return False

    return any_holds


def _not(call: Call, compiler: Compiler) -> RunTest:
    inner = compiler.test(call.tests[0])
    return lambda run: not inner(run)


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(of_command("if", tests=Tests.ONE, has_block=True), _no_chain),
    CommandDefinition(of_command("elsif", tests=Tests.ONE, has_block=True), _no_chain),
    CommandDefinition(of_command("else", has_block=True), _no_chain),
    CommandDefinition(of_command("stop"), _stop),
    TestDefinition(of_test("allof", tests=Tests.LIST), _allof),
    TestDefinition(of_test("anyof", tests=Tests.LIST), _anyof),
    TestDefinition(of_test("not", tests=Tests.ONE), _not),
    TestDefinition(of_test("true"), lambda _, __: lambda _: True),
    TestDefinition(of_test("false"), lambda _, __: lambda _: False),
)
