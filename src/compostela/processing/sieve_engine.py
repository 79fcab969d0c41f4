"""The Sieve engine as the store of scripts and the pipeline use it."""

from functools import lru_cache

from compostela.core.sieve.model import InvalidScript, ScriptProblem, StoredScript
from compostela.core.sieve.service import CheckedScript
from compostela.sieve.errors import Problem, ScriptError
from compostela.sieve.limits import DEFAULT_LIMITS, Limits
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.tree import Script

MAX_PROGRAMS = 500
"""Compiled scripts that one process keeps."""


class SieveEngine:
    """Checks scripts and keeps compiled ones, with the operator's limits. Any thread may call it."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._program = lru_cache(MAX_PROGRAMS)(self._compiled)

    def check(self, text: bytes) -> CheckedScript:
        """See `ScriptChecker`."""
        try:
            reading = read_script(text, self.limits)
        except ScriptError as error:
            raise InvalidScript(_problems(error.problems)) from error
        return CheckedScript(reading.script.dumps(), _problems(reading.warnings))

    def program_of(self, stored: StoredScript) -> Program:
        """The compiled script; it takes milliseconds if it is not kept. Raises `ScriptError` if the tree is of another release,
        and this one refuses the text."""
        return self._program(stored.tree, stored.text)

    def _compiled(self, tree: bytes, text: bytes) -> Program:
        return Program(Script.loads(tree) or read_script(text, self.limits).script, self.limits)


def _problems(problems: tuple[Problem, ...]) -> tuple[ScriptProblem, ...]:
    return tuple(ScriptProblem(one.place.line, one.place.column, one.message) for one in problems)
