"""What filters found: spamtest, spamtestplus, virustest (RFC 5235)."""

from collections.abc import Iterator

from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.matching import NO_VALUES, Values
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_test
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call


def _spamtest(call: Call, compiler: Compiler) -> RunTest:
    is_percent = call.flag("percent")
    counts = call.text("match") == "count"

    def values(run: Run) -> Values:
        score = run.host.spam_verdict().score
        if score is None:
            # RFC 5235 §2.2, §2.3: 0 for "not tested", and no value to be counted
            return NO_VALUES if counts else Values(("0",))
        score = min(max(score, 0.0), 1.0)
        return Values((str(round(score * 100) if is_percent else 1 + round(score * 9)),))

    return compiler.match(call, values)


def _virustest(call: Call, compiler: Compiler) -> RunTest:
    counts = call.text("match") == "count"

    def values(run: Run) -> Values:
        virus = run.host.spam_verdict().virus
        return NO_VALUES if counts and not virus else Values((str(min(max(virus, 0), 5)),))

    return compiler.match(call, values)


def _check_count(call: Call, context: Context) -> Iterator[str]:
    if call.text("match") == "count" and "spamtestplus" not in context.capabilities:
        yield "'spamtest' with ':count' needs require \"spamtestplus\""


_KEY = (Positional("keys", Type.STRING),)

DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "spamtest",
            "spamtest",
            "spamtestplus",
            tags=(Tag("percent", capability="spamtestplus"), *MATCH),
            positionals=_KEY,
            checks=(check_match, _check_count),
        ),
        _spamtest,
    ),
    TestDefinition(of_test("virustest", "virustest", tags=MATCH, positionals=_KEY, checks=(check_match,)), _virustest),
)
