"""Notifications: notify, valid_notify_method, notify_method_capability (RFC 5435, RFC 5436)."""

from collections.abc import Iterator

from compostela.base.errors import InvalidArgument
from compostela.mime.automatic import is_automatic
from compostela.sieve.actions import Notify
from compostela.sieve.compiler import Compiler, RunCommand, RunTest
from compostela.sieve.definition import CommandDefinition, Definition, TestDefinition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.extensions.fcc import FCC, carbon_copy, check_fcc
from compostela.sieve.mailto import parse_mailto
from compostela.sieve.matching import NO_VALUES, Values
from compostela.sieve.names import check_address, single_address
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command, of_test
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call

_IMPORTANCE = ("1", "2", "3")
_ONLINE = {True: "yes", False: "no", None: "maybe"}


def _notify(call: Call, compiler: Compiler) -> RunCommand:
    method = compiler.text(call.text("method") or "")
    message = compiler.optional_text(call.text("message"))
    from_ = compiler.optional_text(call.text("from"))
    importance = compiler.text(call.text("importance") or "2")
    options = compiler.texts(call.texts("options") or ())
    copy = carbon_copy(call, compiler)

    def run_notify(run: Run) -> None:
        uri, sender = method(run), from_(run)
        try:
            parse_mailto(uri)
        except InvalidArgument as error:
            raise ScriptFailure(str(error)) from error
        if sender is not None and single_address(sender) is None:
            raise ScriptFailure(f"'{sender[:100]}' is no mail address")
        if is_automatic(run.message.header):
            # RFC 5436 §2.2: a notification of a notification would never end
            return
        level = importance(run)
        run.add(
            Notify(
                method=uri,
                message=message(run),
                from_=sender,
                importance=int(level) if level in _IMPORTANCE else 2,
                options=tuple(options(run)),
                copy=copy(run),
            )
        )

    return run_notify


def _check_notify(call: Call, context: Context) -> Iterator[str]:
    method, importance = call.text("method") or "", call.text("importance")
    if context.is_constant(method):
        try:
            parse_mailto(method)
        except InvalidArgument as error:
            yield str(error)
    if importance is not None and context.is_constant(importance) and importance not in _IMPORTANCE:
        yield f"the importance is one of {', '.join(_IMPORTANCE)}, not '{importance[:40]}'"


def _is_valid(uri: str) -> bool:
    try:
        parse_mailto(uri)
    except InvalidArgument:
        return False
    return True


def _valid_notify_method(call: Call, compiler: Compiler) -> RunTest:
    uris = compiler.texts(call.texts("uris") or ())
    return lambda run: all(_is_valid(uri) for uri in uris(run))


def _notify_method_capability(call: Call, compiler: Compiler) -> RunTest:
    uri = compiler.text(call.text("uri") or "")
    name = compiler.text(call.text("capability") or "")

    def values(run: Run) -> Values:
        method = uri(run)
        if name(run).lower() != "online" or not _is_valid(method):
            return NO_VALUES
        return Values((_ONLINE[run.host.notify_online(method)],))

    return compiler.match(call, values)


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "notify",
            "enotify",
            tags=(
                Tag("from", value=Type.STRING),
                Tag("importance", value=Type.STRING),
                Tag("options", value=Type.STRINGS),
                Tag("message", value=Type.STRING),
                *FCC,
            ),
            positionals=(Positional("method", Type.STRING),),
            checks=(_check_notify, check_address("from"), check_fcc),
        ),
        _notify,
    ),
    TestDefinition(
        of_test("valid_notify_method", "enotify", positionals=(Positional("uris", Type.STRINGS),)), _valid_notify_method
    ),
    TestDefinition(
        of_test(
            "notify_method_capability",
            "enotify",
            tags=MATCH,
            positionals=(
                Positional("uri", Type.STRING),
                Positional("capability", Type.STRING),
                Positional("keys", Type.STRINGS),
            ),
            checks=(check_match,),
        ),
        _notify_method_capability,
    ),
)
