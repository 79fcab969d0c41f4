"""Flags of IMAP: setflag, addflag, removeflag, hasflag and the tag `:flags` (RFC 5232)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from compostela.model.flags import Flags, SystemFlag
from compostela.sieve.compiler import Compiler, RunCommand, RunTest
from compostela.sieve.definition import CommandDefinition, Definition, TestDefinition
from compostela.sieve.matching import Values
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command, of_test
from compostela.sieve.strings import VARIABLE_NAME
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call

FLAGS = Tag("flags", value=Type.STRINGS, capability="imap4flags")

_SYSTEM = {
    "\\seen": SystemFlag.SEEN,
    "\\answered": SystemFlag.ANSWERED,
    "\\flagged": SystemFlag.FLAGGED,
    "\\deleted": SystemFlag.DELETED,
    "\\draft": SystemFlag.DRAFT,
}
_KEYWORD = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~\[}]{1,100}")
_VARIABLE = re.compile(rf"(?:global\.)?{VARIABLE_NAME.pattern}")
MAX_FLAGS = 200
"""Of one variable; more are dropped."""


def split_flags(texts: Iterable[str]) -> tuple[str, ...]:
    """The valid flags of the strings, each once: the first spelling of each (RFC 5232 §2)."""
    found: dict[str, str] = {}
    for text in texts:
        for flag in text.split():
            if (flag.lower() in _SYSTEM or _KEYWORD.fullmatch(flag)) and len(found) < MAX_FLAGS:
                found.setdefault(flag.lower(), flag)
    return tuple(found.values())


def as_flags(names: Iterable[str]) -> Flags:
    system, keywords = 0, []
    for name in names:
        bit = _SYSTEM.get(name.lower())
        if bit is None:
            keywords.append(name)
        else:
            system |= bit
    return Flags(int(system), frozenset(keywords))


FlagsOf = Callable[[Run], Flags | None]


def flags_of(call: Call, compiler: Compiler) -> FlagsOf:
    """Those of the tag `:flags`, or of the internal variable; None if there are none."""
    texts = call.texts("flags")
    if texts is not None:
        expand = compiler.texts(texts)
        return lambda run: as_flags(split_flags(expand(run)))
    if "imap4flags" in compiler.capabilities:
        return implicit_flags
    return lambda _: None


def implicit_flags(run: Run) -> Flags | None:
    return as_flags(run.flags) if run.flags else None


def _read(run: Run, variable: str | None) -> tuple[str, ...]:
    return run.flags if variable is None else split_flags([run.variable(variable.lower())])


def _changing(
    change: Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]],
) -> Callable[[Call, Compiler], RunCommand]:
    def compile_change(call: Call, compiler: Compiler) -> RunCommand:
        variable = call.text("variable")
        expand = compiler.texts(call.texts("list") or ())

        def run_change(run: Run) -> None:
            flags = change(_read(run, variable), split_flags(expand(run)))
            if variable is None:
                run.flags = flags
            else:
                run.set_variable(variable, " ".join(flags))

        return run_change

    return compile_change


def _without(old: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    gone = {flag.lower() for flag in given}
    return tuple(flag for flag in old if flag.lower() not in gone)


def _hasflag(call: Call, compiler: Compiler) -> RunTest:
    variables = call.texts("variables")

    def values(run: Run) -> Values:
        if variables is None:
            return Values(run.flags)
        found: Sequence[str] = [flag for variable in variables for flag in _read(run, variable)]
        return Values(found)

    return compiler.match(_with_split_keys(call, compiler), values)


def _with_split_keys(call: Call, compiler: Compiler) -> Call:
    """A key of several flags means each of them (RFC 5232 §4)."""
    keys = call.texts("keys") or ()
    if call.text("match") in ("count", "value", "matches", "regex", "list") or not all(map(compiler.is_constant, keys)):
        return call
    split = [flag for key in keys for flag in (key.split() or [key])]
    return Call(call.name, call.line, call.column, {**call.arguments, "keys": split})


def _check_variables(argument: str) -> Callable[[Call, Context], Iterator[str]]:
    def check(call: Call, context: Context) -> Iterator[str]:
        for name in call.texts(argument) or ():
            if "variables" not in context.capabilities:
                yield f"'{call.name}' with a variable needs require \"variables\""
            elif not _VARIABLE.fullmatch(name):
                yield f"'{name}' is no name of a variable"

    return check


_CHANGE = (Positional("variable", Type.STRING, optional=True, constant=True), Positional("list", Type.STRINGS))


def _change_definition(name: str, change: Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]) -> Definition:
    signature = of_command(name, "imap4flags", positionals=_CHANGE, checks=(_check_variables("variable"),))
    return CommandDefinition(signature, _changing(change))


DEFINITIONS: tuple[Definition, ...] = (
    _change_definition("setflag", lambda _, given: given),
    _change_definition("addflag", lambda old, given: split_flags((*old, *given))),
    _change_definition("removeflag", _without),
    TestDefinition(
        of_test(
            "hasflag",
            "imap4flags",
            tags=MATCH,
            positionals=(
                Positional("variables", Type.STRINGS, optional=True, constant=True),
                Positional("keys", Type.STRINGS),
            ),
            checks=(check_match, _check_variables("variables")),
        ),
        _hasflag,
    ),
)
