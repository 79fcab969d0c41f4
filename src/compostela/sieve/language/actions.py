"""Actions that say where the message goes: keep, discard, redirect, fileinto (RFC 5228 §4), reject and ereject (RFC 5429), with the
tags of copy (RFC 3894), imap4flags, mailbox (RFC 5490), special-use (RFC 8579) and extlists (RFC 6134)."""

from collections.abc import Iterator
from dataclasses import replace

from compostela.sieve.actions import FileInto, Keep, Redirect, RedirectToList, Reject, mailbox_of
from compostela.sieve.compiler import Compiler, RunCommand
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.extensions.imap4flags import FLAGS, flags_of
from compostela.sieve.extensions.mailbox import CREATE
from compostela.sieve.extensions.special_use import SPECIAL_USE, check_special_use
from compostela.sieve.names import check_address, check_mailbox, is_mailbox_name, single_address
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command
from compostela.sieve.tree import Call

_COPY = Tag("copy", capability="copy")


def _check_not_rejected(run: Run, name: str) -> None:
    """RFC 5429 §2.4: a refused message must not be delivered as well."""
    if any(isinstance(action, Reject) for action in run.actions):
        raise ScriptFailure(f"'{name}' must not follow 'reject' or 'ereject'")


def _store(run: Run, action: Keep | FileInto) -> None:
    """RFC 5228 §2.10.3: a message is stored once in a mailbox; the last flags count (RFC 5232 §5)."""
    for at, known in enumerate(run.actions):
        if isinstance(known, Keep | FileInto) and mailbox_of(known) == mailbox_of(action):
            merged: Keep | FileInto = replace(known, flags=action.flags)
            if isinstance(merged, FileInto) and isinstance(action, FileInto):
                merged = replace(merged, create=merged.create or action.create)
            run.actions[at] = merged
            return
    run.add(action)


def _keep(call: Call, compiler: Compiler) -> RunCommand:
    flags = flags_of(call, compiler)

    def run_keep(run: Run) -> None:
        _check_not_rejected(run, "keep")
        run.keeps = False
        _store(run, Keep(flags(run), run.edited()))

    return run_keep


def _discard(_: Call, __: Compiler) -> RunCommand:
    def run_discard(run: Run) -> None:
        run.keeps = False

    return run_discard


def _fileinto(call: Call, compiler: Compiler) -> RunCommand:
    mailbox = compiler.text(call.text("mailbox") or "")
    special_use = compiler.optional_text(call.text("specialuse"))
    flags = flags_of(call, compiler)
    copies, creates = call.flag("copy"), call.flag("create")

    def run_fileinto(run: Run) -> None:
        _check_not_rejected(run, "fileinto")
        name = mailbox(run)
        if not is_mailbox_name(name):
            raise ScriptFailure(f"'{name[:40]}' is no name of a mailbox")
        if not copies:
            run.keeps = False
        _store(run, FileInto(name, flags(run), creates, special_use(run), run.edited()))

    return run_fileinto


def _redirect(call: Call, compiler: Compiler) -> RunCommand:
    address = compiler.text(call.text("address") or "")
    copies, is_list = call.flag("copy"), call.flag("list")

    def run_redirect(run: Run) -> None:
        _check_not_rejected(run, "redirect")
        text = address(run)
        action: Redirect | RedirectToList
        if is_list:
            if not run.host.list_exists(text):
                raise ScriptFailure(f"unknown list '{text[:100]}'")
            action = RedirectToList(text, run.draft.without_enclosure())
        else:
            one = single_address(text)
            if one is None:
                raise ScriptFailure(f"'{text[:100]}' is no mail address")
            action = Redirect(one, run.draft.without_enclosure())
        if not copies:
            run.keeps = False
        if not any(_same_target(known, action) for known in run.actions):
            run.add(action)

    return run_redirect


def _same_target(known: object, action: Redirect | RedirectToList) -> bool:
    if isinstance(known, Redirect) and isinstance(action, Redirect):
        return known.address.lower() == action.address.lower()
    return (
        isinstance(known, RedirectToList) and isinstance(action, RedirectToList) and known.list_name == action.list_name
    )


def _check_redirect(call: Call, context: Context) -> Iterator[str]:
    if not call.flag("list"):
        yield from check_address("address")(call, context)


def _reject(call: Call, compiler: Compiler) -> RunCommand:
    reason = compiler.text(call.text("reason") or "")
    is_ereject = call.name == "ereject"

    def run_reject(run: Run) -> None:
        for action in run.actions:
            if isinstance(action, Reject):
                raise ScriptFailure("a message can be refused only once")
            if isinstance(action, Keep | FileInto | Redirect | RedirectToList):
                raise ScriptFailure(f"'{call.name}' excludes actions that deliver the message")
        if run.is_answered:
            raise ScriptFailure(f"'{call.name}' must not follow 'vacation'")
        run.keeps = False
        run.add(Reject(reason(run), is_ereject))

    return run_reject


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(of_command("keep", tags=(FLAGS,)), _keep),
    CommandDefinition(of_command("discard"), _discard),
    CommandDefinition(
        of_command(
            "redirect",
            tags=(_COPY, Tag("list", capability="extlists")),
            positionals=(Positional("address", Type.STRING),),
            checks=(_check_redirect,),
        ),
        _redirect,
    ),
    CommandDefinition(
        of_command(
            "fileinto",
            "fileinto",
            tags=(FLAGS, _COPY, CREATE, SPECIAL_USE),
            positionals=(Positional("mailbox", Type.STRING),),
            checks=(check_mailbox("mailbox"), check_special_use),
        ),
        _fileinto,
    ),
    CommandDefinition(of_command("reject", "reject", positionals=(Positional("reason", Type.STRING),)), _reject),
    CommandDefinition(of_command("ereject", "ereject", positionals=(Positional("reason", Type.STRING),)), _reject),
)
