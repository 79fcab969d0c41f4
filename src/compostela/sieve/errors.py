"""What can be wrong with a script: problems found before it runs, and failures while it runs."""

import enum
from dataclasses import dataclass

from compostela.base.errors import CompostelaError


class Severity(enum.Enum):
    ERROR = "error"
    """The script cannot run."""
    WARNING = "warning"
    """The script runs, but probably not as its author expects."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column in the script's text; both count characters from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    place: Place
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.place}: {self.severity.value}: {self.message}"


class ScriptError(CompostelaError):
    """The text is no valid script. `problems` has at least one error and may have warnings, in the order of their places."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class ScriptFailure(CompostelaError):
    """A valid script failed for one message. `place` is None until the interpreter knows the failing command."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message
