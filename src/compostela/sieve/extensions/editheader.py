"""Edits of the header: `addheader` and `deleteheader` (RFC 5293)."""

from collections.abc import Iterator, Sequence

from compostela.mime.headers import Field, add_first, add_last, field_line, fields
from compostela.sieve.compiler import Compiler, RunCommand
from compostela.sieve.decoding import field_text
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.matching import Values, finder
from compostela.sieve.names import check_field_names, is_field_name
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Remark, Tag, Type, of_command
from compostela.sieve.sources import picked
from compostela.sieve.tags import INDEX, MATCH, check_index, check_match
from compostela.sieve.tree import Call

PROTECTED = frozenset({b"received", b"auto-submitted", b"delivered-to"})
"""A script must not delete them: they end mail loops (RFC 5293 §6). Delivered-To tells where redirected mail was before."""

MAX_VALUE = 4_000
"""Characters of a field that a script adds."""


def _addheader(call: Call, compiler: Compiler) -> RunCommand:
    name = compiler.text(call.text("name") or "")
    value = compiler.text(call.text("value") or "")
    add = add_last if call.flag("last") else add_first

    def run_addheader(run: Run) -> None:
        field_name, text = name(run), value(run).strip()
        if not is_field_name(field_name):
            raise ScriptFailure(f"'{field_name[:40]}' is no name of a header field")
        if len(text) > MAX_VALUE:
            raise ScriptFailure(f"the header field is longer than {MAX_VALUE} characters")
        if "\0" in text:
            raise ScriptFailure("a header field must not contain NUL")
        run.draft.set_header(add(run.draft.header.block, field_line(field_name, text)))

    return run_addheader


def _deleteheader(call: Call, compiler: Compiler) -> RunCommand:
    name = compiler.text(call.text("name") or "")
    patterns = call.texts("keys")
    keys = compiler.texts(patterns or ())
    match = compiler.match_type(call)
    index, last = call.number("index"), call.flag("last")

    def run_deleteheader(run: Run) -> None:
        wanted = name(run).lower().encode("utf-8", "replace")
        if not is_field_name(wanted.decode("utf-8", "replace")):
            raise ScriptFailure(f"'{name(run)[:40]}' is no name of a header field")
        if wanted in PROTECTED:
            return
        block = run.draft.header.block
        chosen: Sequence[Field] = picked([one for one in fields(block) if one.name.lower() == wanted], index, last)
        if patterns is not None:
            find = finder(match, keys(run), run.limits)
            if match.name == "count":
                chosen = (
                    chosen
                    if find(Values([field_text(one.value) for one in chosen]), run.check_time) is not None
                    else ()
                )
            else:
                chosen = [one for one in chosen if find(Values((field_text(one.value),)), run.check_time) is not None]
        if chosen:
            run.draft.set_header(_without(block, chosen))

    return run_deleteheader


def _without(block: bytes, chosen: Sequence[Field]) -> bytes:
    out: list[bytes] = []
    position = 0
    for field in chosen:
        out.append(block[position : field.start])
        position = field.end
    out.append(block[position:])
    return b"".join(out)


def _check_deleteheader(call: Call, context: Context) -> Iterator[str]:
    if call.text("match") == "list" and call.texts("keys") is not None:
        yield "'deleteheader' does not work with ':list'"
    name = call.text("name") or ""
    if (
        context.is_constant(name)
        and name.lower().encode("utf-8", "replace") in PROTECTED
        and call.name == "deleteheader"
    ):
        yield Remark(f"the header field '{name}' is never deleted")


_NAME = Positional("name", Type.STRING)

DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "addheader",
            "editheader",
            tags=(Tag("last"),),
            positionals=(_NAME, Positional("value", Type.STRING)),
            checks=(check_field_names("name", in_test=False),),
        ),
        _addheader,
    ),
    CommandDefinition(
        of_command(
            "deleteheader",
            "editheader",
            tags=(*(Tag(tag.name, value=tag.value, needs=tag.needs) for tag in INDEX), *MATCH),
            positionals=(_NAME, Positional("keys", Type.STRINGS, optional=True)),
            checks=(check_match, check_index, check_field_names("name", in_test=False), _check_deleteheader),
        ),
        _deleteheader,
    ),
)
