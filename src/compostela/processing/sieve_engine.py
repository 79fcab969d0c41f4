"""The Sieve engine as the store of scripts and the pipeline use it."""

from functools import lru_cache

from compostela.core.sieve.model import InvalidScript, ScriptProblem, StoredScript
from compostela.core.sieve.service import CheckedScript
from compostela.sieve.errors import Problem, ScriptError
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.tree import Script

MAX_PROGRAMS = 500
"""Compiled scripts that one process keeps."""


def check_script(text: bytes) -> CheckedScript:
    """See `ScriptChecker`."""
    try:
        reading = read_script(text)
    except ScriptError as error:
        raise InvalidScript(_problems(error.problems)) from error
    return CheckedScript(reading.script.dumps(), _problems(reading.warnings))


def program_of(stored: StoredScript) -> Program:
    """The compiled script; it takes milliseconds if it is not kept. Raises `ScriptError` if the tree is of another release, and this
    one refuses the text."""
    return _program(stored.tree, stored.text)


@lru_cache(MAX_PROGRAMS)
def _program(tree: bytes, text: bytes) -> Program:
    return Program(Script.loads(tree) or read_script(text).script)


def _problems(problems: tuple[Problem, ...]) -> tuple[ScriptProblem, ...]:
    return tuple(ScriptProblem(one.place.line, one.place.column, one.message) for one in problems)
