"""James's own command `log`: a line for the operator, at a level."""

from compostela.sieve.compiler import Compiler, RunCommand
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.run import LogLine, Run
from compostela.sieve.signatures import Positional, Tag, Type, of_command
from compostela.sieve.tree import Call

LEVELS = ("fatal", "error", "warn", "info", "debug", "trace")
MAX_LINES = 50
"""Of one run; more are dropped."""
MAX_CHARACTERS = 1_000


def _log(call: Call, compiler: Compiler) -> RunCommand:
    level = call.text("level") or "info"
    text = compiler.text(call.text("text") or "")

    def run_log(run: Run) -> None:
        if len(run.log) < MAX_LINES:
            run.log.append(LogLine(level, text(run)[:MAX_CHARACTERS]))

    return run_log


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "log", tags=tuple(Tag(level, "level") for level in LEVELS), positionals=(Positional("text", Type.STRING),)
        ),
        _log,
    ),
)
