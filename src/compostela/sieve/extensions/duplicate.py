"""The test `duplicate` (RFC 7352)."""

import hashlib
from collections.abc import Callable

from compostela.mime.headers import unfold
from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.names import as_names, check_field_names
from compostela.sieve.run import DuplicateMark, Run
from compostela.sieve.signatures import Tag, Type, of_test
from compostela.sieve.tree import Call

MAX_SECONDS = 90 * 86_400


def _duplicate(call: Call, compiler: Compiler) -> RunTest:
    handle = compiler.text(call.text("handle") or "")
    unique_id = _unique_id(call, compiler)
    given = call.number("seconds")
    seconds = None if given is None else min(given, MAX_SECONDS)
    refreshes = call.flag("last")

    def test_duplicate(run: Run) -> bool:
        found = unique_id(run)
        if found is None:
            return False
        whole = b"\0".join((handle(run).encode("utf-8", "replace"), found))
        key = hashlib.sha256(whole).hexdigest()
        is_known = run.host.is_duplicate(key)
        if refreshes or not is_known:
            # kept by the caller after the run has ended well (RFC 7352 §3)
            run.duplicates[key] = DuplicateMark(key, seconds)
            if len(run.duplicates) > run.limits.duplicates:
                raise ScriptFailure(f"'duplicate' is to remember more than {run.limits.duplicates} messages")
        return is_known

    return test_duplicate


def _unique_id(call: Call, compiler: Compiler) -> Callable[[Run], bytes | None]:
    """None if the message has no such header field."""
    text = call.text("uniqueid")
    if text is not None:
        expand = compiler.text(text)
        return lambda run: expand(run).encode("utf-8", "replace")
    header = compiler.text(call.text("header") or "Message-ID")

    def from_header(run: Run) -> bytes | None:
        values = [value for name in as_names((header(run),)) for value in run.draft.header.raw(name)]
        return unfold(values[0]) if values else None

    return from_header


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "duplicate",
            "duplicate",
            tags=(
                Tag("handle", value=Type.STRING),
                Tag("header", "source", Type.STRING, "header"),
                Tag("uniqueid", "source", Type.STRING, "uniqueid"),
                Tag("seconds", value=Type.NUMBER),
                Tag("last"),
            ),
            checks=(check_field_names("header"),),
        ),
        _duplicate,
    ),
)
