"""Scripts in scripts: `include`, `return`, `global` (RFC 6609)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compostela.sieve.compiler import Compiler, RunCommand
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.run import Return, Run, Scope
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command
from compostela.sieve.strings import VARIABLE_NAME
from compostela.sieve.tree import Call

if TYPE_CHECKING:
    from compostela.sieve.program import Program


def _include(call: Call, _: Compiler) -> RunCommand:
    name = call.text("script") or ""
    is_global = call.text("location") == "global"
    once, optional = call.flag("once"), call.flag("optional")

    def run_include(run: Run) -> None:
        if once and (name, is_global) in run.included:
            return
        program = run.host.script(name, is_global)
        if program is None:
            if optional:
                return
            raise ScriptFailure(f"the script '{name[:100]}' does not exist")
        run.includes += 1
        if run.includes > run.limits.includes:
            raise ScriptFailure(f"more than {run.limits.includes} scripts are included")
        if len(run.active) > run.limits.include_depth:
            raise ScriptFailure(f"scripts are included deeper than {run.limits.include_depth}")
        if program in run.active:
            raise ScriptFailure(f"the script '{name[:100]}' includes itself")
        run.included.add((name, is_global))
        _execute(run, program)

    return run_include


def _execute(run: Run, program: "Program") -> None:
    scope, matches, loops = run.scope, run.matches, run.loops
    run.scope, run.matches, run.loops = Scope(), (), []
    run.active.append(program)
    try:
        program.commands(run)
    except Return:
        pass
    except ScriptFailure as failure:
        # the place in the included script would mislead; that of `include` is added further out
        if failure.place is not None:
            raise ScriptFailure(f"in an included script, {failure}") from failure
        raise
    finally:
        run.active.pop()
        run.scope, run.matches, run.loops = scope, matches, loops


def _check_include(call: Call, _: Context) -> Iterator[str]:
    name = call.text("script") or ""
    if not name or "/" in name or any(ord(character) < 32 or ord(character) == 127 for character in name):
        yield f"'{name[:40]}' is no name of a script"


def _return(_: Call, __: Compiler) -> RunCommand:
    def run_return(_: Run) -> None:
        raise Return

    return run_return


def _global(call: Call, _: Compiler) -> RunCommand:
    names = tuple(name.lower() for name in call.texts("names") or ())

    def run_global(run: Run) -> None:
        for name in names:
            if name in run.scope.values:
                raise ScriptFailure(f"the variable '{name}' is local already")
            run.scope.declared_global.add(name)

    return run_global


def _check_global(call: Call, context: Context) -> Iterator[str]:
    if "variables" not in context.capabilities:
        yield "'global' needs require \"variables\""
    for name in call.texts("names") or ():
        if not VARIABLE_NAME.fullmatch(name):
            yield f"'{name}' is no name of a variable"


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "include",
            "include",
            tags=(Tag("personal", "location"), Tag("global", "location"), Tag("once"), Tag("optional")),
            positionals=(Positional("script", Type.STRING, constant=True),),
            checks=(_check_include,),
        ),
        _include,
    ),
    CommandDefinition(of_command("return", "include"), _return),
    CommandDefinition(
        of_command(
            "global",
            "include",
            positionals=(Positional("names", Type.STRINGS, constant=True),),
            checks=(_check_global,),
        ),
        _global,
    ),
)
