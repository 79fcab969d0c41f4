"""From a script's text to its tree."""

from dataclasses import dataclass

from compostela.sieve.errors import Place, Problem, ScriptError, Severity
from compostela.sieve.limits import DEFAULT_LIMITS, Limits
from compostela.sieve.parser import parse
from compostela.sieve.registry import COMMANDS, TESTS
from compostela.sieve.tree import VERSION, Script
from compostela.sieve.validator import Validator

_COMMANDS = {name: one.signature for name, one in COMMANDS.items()}
_TESTS = {name: one.signature for name, one in TESTS.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid script and the warnings about it."""

    script: Script
    warnings: tuple[Problem, ...] = ()


def read_script(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Parses and validates. Raises `ScriptError` with all problems that were found. Octets are read as UTF-8."""
    text = _decoded(text, limits)
    nodes, problems = parse(text, limits)
    if problems:
        raise ScriptError(tuple(problems))
    validator = Validator(_COMMANDS, _TESTS, limits)
    commands = validator.script(nodes)
    found = tuple(sorted(validator.problems, key=lambda problem: problem.place))
    if any(problem.severity is Severity.ERROR for problem in found):
        raise ScriptError(found)
    return Reading(Script(VERSION, tuple(sorted(validator.capabilities)), commands), found)


def _decoded(text: str | bytes, limits: Limits) -> str:
    octets = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(octets) > limits.script_octets:
        raise ScriptError((Problem(Place(1, 1), f"the script is larger than {limits.script_octets} octets"),))
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode()
        line = before.count("\n") + 1
        place = Place(line, len(before) - (before.rfind("\n") + 1) + 1)
        raise ScriptError((Problem(place, "the script must be UTF-8"),)) from error
