"""From the validated tree to closures: what a test or a command needs to know is looked up once, not once a message."""

from collections.abc import Callable, Mapping, Sequence

from compostela.sieve.errors import Place, ScriptFailure
from compostela.sieve.limits import Limits
from compostela.sieve.matching import Captures, Find, MatchType, Values, finder
from compostela.sieve.run import Run
from compostela.sieve.strings import Pieces, Reference, pieces
from compostela.sieve.tree import Call

RunTest = Callable[[Run], bool]
RunCommand = Callable[[Run], None]
Text = Callable[[Run], str]
Texts = Callable[[Run], Sequence[str]]
CompileCommand = Callable[[Call, "Compiler"], RunCommand]
CompileTest = Callable[[Call, "Compiler"], RunTest]
ValuesOf = Callable[[Run], Values]

_COMMANDS_PER_LOOK = 16
"""At the clock."""


class Compiler:
    def __init__(
        self,
        commands: Mapping[str, CompileCommand],
        tests: Mapping[str, CompileTest],
        capabilities: frozenset[str],
        limits: Limits,
    ) -> None:
        self._commands = commands
        self._tests = tests
        self.capabilities = capabilities
        self.limits = limits
        self.has_variables = "variables" in capabilities

    # structure

    def test(self, call: Call) -> RunTest:
        return self._tests[call.name](call, self)

    def block(self, calls: Sequence[Call]) -> RunCommand:
        """Runs the commands in order. A failure learns the place of the command that it comes from."""
        commands: list[RunCommand] = []
        places: list[Place] = []
        at = 0
        while at < len(calls):
            start = at
            at += 1
            if calls[start].name == "if":
                while at < len(calls) and calls[at].name in ("elsif", "else"):
                    at += 1
                commands.append(self._conditional(calls[start:at]))
            else:
                commands.append(self._commands[calls[start].name](calls[start], self))
            places.append(Place(calls[start].line, calls[start].column))
        return _sequence(tuple(commands), tuple(places))

    def _conditional(self, calls: Sequence[Call]) -> RunCommand:
        branches = [(self.test(call.tests[0]) if call.tests else None, self.block(call.block)) for call in calls]
        first, block = branches[0]
        if len(branches) == 1 and first is not None:
            return _if(first, block)
        return _if_chain(branches)

    # strings

    def is_constant(self, text: str) -> bool:
        return not self.has_variables or "${" not in text or not any(isinstance(p, Reference) for p in pieces(text))

    def text(self, text: str) -> Text:
        """The text with its variables expanded. Raises `ScriptFailure` at run time if it gets too long."""
        if self.is_constant(text):
            return lambda _: text
        return _expansion(pieces(text))

    def optional_text(self, text: str | None) -> Callable[[Run], str | None]:
        return (lambda _: None) if text is None else self.text(text)

    def texts(self, texts: Sequence[str]) -> Texts:
        if all(self.is_constant(text) for text in texts):
            constant = tuple(texts)
            return lambda _: constant
        return _expansions([self.text(text) for text in texts])

    # matching

    def match_type(self, call: Call) -> MatchType:
        return MatchType(
            call.text("match") or "is",
            (call.text("comparator") or "i;ascii-casemap").lower(),
            (call.text("relation") or "eq").lower(),
        )

    def match(self, call: Call, values: ValuesOf, keys: str = "keys") -> RunTest:
        """A test whether the values match the argument `keys`, as the tags of the call say. Sets match variables."""
        match = self.match_type(call)
        texts = call.texts(keys) or ()
        if match.name == "list":
            return _list_match(values, self.texts(texts))
        sets = match.sets_variables and self.has_variables
        if all(self.is_constant(text) for text in texts):
            find = finder(match, texts, self.limits)
            if match.sets_variables:
                return _pattern_match(values, find, sets)
            return _plain_match(values, find)
        expand = self.texts(texts)

        def test(run: Run) -> bool:
            run.check_time()
            captures = finder(match, expand(run), run.limits)(values(run), run.check_time)
            if captures is None:
                return False
            if sets:
                run.matches = captures
            return True

        return test


def _sequence(commands: tuple[RunCommand, ...], places: tuple[Place, ...]) -> RunCommand:
    count = len(commands)

    def run_all(run: Run) -> None:
        run.spend(count)
        at = 0
        try:
            for command in commands:
                command(run)
                at += 1
                if not at % _COMMANDS_PER_LOOK:
                    run.check_time()
        except ScriptFailure as failure:
            if failure.place is None:
                failure.place = places[at]
            raise

    return run_all


def _if(test: RunTest, block: RunCommand) -> RunCommand:
    def run_if(run: Run) -> None:
        if test(run):
            block(run)

    return run_if


def _if_chain(branches: Sequence[tuple[RunTest | None, RunCommand]]) -> RunCommand:
    def run_chain(run: Run) -> None:
        for test, block in branches:
            if test is None or test(run):
                block(run)
                return

    return run_chain


def _expansion(parts: Pieces) -> Text:
    def expand(run: Run) -> str:
        out: list[str] = []
        room = run.limits.string_characters
        for part in parts:
            out.append(part if isinstance(part, str) else _value(run, part))
            room -= len(out[-1])
            if room < 0:
                raise ScriptFailure(
                    f"a string with its variables is longer than {run.limits.string_characters} characters"
                )
        return "".join(out)

    return expand


def _expansions(expansions: Sequence[Text]) -> Texts:
    def expand_all(run: Run) -> list[str]:
        out: list[str] = []
        room = run.limits.string_characters
        for expand in expansions:
            out.append(expand(run))
            room -= len(out[-1])
            if room < 0:
                raise ScriptFailure(
                    f"the strings of a list with their variables are longer than {run.limits.string_characters} characters"
                )
        return out

    return expand_all


def _value(run: Run, reference: Reference) -> str:
    return run.match_variable(reference.name) if isinstance(reference.name, int) else run.variable(reference.name)


def _plain_match(values: ValuesOf, find: Find) -> RunTest:
    return lambda run: find(values(run), run.check_time) is not None


def _pattern_match(values: ValuesOf, find: Find, sets: bool) -> RunTest:
    def test(run: Run) -> bool:
        run.check_time()
        captures: Captures | None = find(values(run), run.check_time)
        if captures is None:
            return False
        if sets:
            run.matches = captures
        return True

    return test


def _list_match(values: ValuesOf, lists: Texts) -> RunTest:
    """RFC 6134 §2.4: the keys are names of lists."""

    def test(run: Run) -> bool:
        for name in lists(run):
            for value in values(run).raw:
                run.check_time()
                if run.host.list_contains(name, value):
                    return True
        return False

    return test
