"""The Sieve engine as the checker of scripts that are to be stored."""

from compostela.core.sieve.model import InvalidScript, ScriptProblem
from compostela.core.sieve.service import CheckedScript
from compostela.sieve.errors import Problem, ScriptError
from compostela.sieve.reader import read_script


def check_script(text: bytes) -> CheckedScript:
    """See `ScriptChecker`."""
    try:
        reading = read_script(text)
    except ScriptError as error:
        raise InvalidScript(tuple(map(_told, error.problems))) from error
    return CheckedScript(reading.script.dumps(), tuple(map(_told, reading.warnings)))


def _told(problem: Problem) -> ScriptProblem:
    return ScriptProblem(problem.place.line, problem.place.column, f"{problem.severity.value}: {problem.message}")
