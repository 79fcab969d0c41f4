"""Automatic answers: vacation (RFC 5230) and vacation-seconds (RFC 6131)."""

import hashlib
from collections.abc import Iterator

from compostela.mime.automatic import RECIPIENT_FIELDS, is_of_program, is_personal
from compostela.sieve.actions import Reject, Vacation
from compostela.sieve.address_parts import SEPARATOR
from compostela.sieve.compiler import Compiler, RunCommand
from compostela.sieve.decoding import field_text
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.extensions.fcc import FCC, carbon_copy, check_fcc
from compostela.sieve.header_view import HeaderView
from compostela.sieve.names import check_address, single_address
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command
from compostela.sieve.tree import Call

MAX_SECONDS = 366 * 86_400
MAX_REFERENCES = 20
MAX_MESSAGE_ID = 300
"""Characters; a longer Message-ID is not referred to."""
MAX_SUBJECT = 300
"""Characters of the subject that the answer repeats."""


def may_be_answered(run: Run, addresses: frozenset[str]) -> bool:
    """Whether the message is personal mail to one of the owner's addresses, in lower case, from another person
    (RFC 5230 §4.5, §4.6; RFC 3834 §2)."""
    sender = run.envelope.mail_from.lower()
    if not sender or sender in addresses or is_of_program(sender) or not is_personal(run.message.header):
        return False
    header = HeaderView(run.message.header)
    return any(
        not addresses.isdisjoint(_with_and_without_detail(address.text().lower()))
        for name in RECIPIENT_FIELDS
        for field in header.addresses(name)
        for address in field
    )


def _with_and_without_detail(address: str) -> tuple[str, str]:
    """RFC 5233 §4: mail to `ken+lists@` is mail to `ken@`."""
    local, at, domain = address.rpartition("@")
    return address, local.partition(SEPARATOR)[0] + at + domain


def _vacation(call: Call, compiler: Compiler) -> RunCommand:
    reason = compiler.text(call.text("reason") or "")
    subject = compiler.optional_text(call.text("subject"))
    from_ = compiler.optional_text(call.text("from"))
    handle = compiler.optional_text(call.text("handle"))
    own = compiler.texts(call.texts("addresses") or ())
    is_mime = call.flag("mime")
    seconds = _seconds(call)
    copy = carbon_copy(call, compiler)

    def run_vacation(run: Run) -> None:
        if any(isinstance(action, Reject) for action in run.actions):
            raise ScriptFailure("'vacation' must not follow 'reject' or 'ereject'")
        if run.is_answered:
            raise ScriptFailure("'vacation' must not run twice for one message")
        run.is_answered = True
        given = {*own(run), *run.host.own_addresses(), run.envelope.rcpt_to}
        if not may_be_answered(run, frozenset(address.lower() for address in given)):
            return
        sender, text, title = from_(run), reason(run), subject(run)
        if sender is not None and single_address(sender) is None:
            raise ScriptFailure(f"'{sender[:100]}' is no mail address")
        header = HeaderView(run.message.header)
        message_id = _first(header, b"message-id")
        if message_id is not None and len(message_id) > MAX_MESSAGE_ID:
            message_id = None
        key = handle(run)
        run.add(
            Vacation(
                recipient=run.envelope.mail_from,
                reason=text,
                subject=_subject(header) if title is None else title,
                handle=_derived_handle(text, title, sender, is_mime) if key is None else key,
                seconds=seconds,
                from_=sender,
                is_mime=is_mime,
                in_reply_to=message_id,
                references=_references(header, message_id),
                copy=copy(run),
            )
        )

    return run_vacation


def _seconds(call: Call) -> int | None:
    """RFC 5230 §4.1: a value beyond the limits is taken as the limit; RFC 6131 §2 allows 0."""
    days, seconds = call.number("days"), call.number("seconds")
    if days is not None:
        return min(max(days, 1) * 86_400, MAX_SECONDS)
    return None if seconds is None else min(seconds, MAX_SECONDS)


def _first(header: HeaderView, name: bytes) -> str | None:
    values = header.raw(name)
    return field_text(values[0]) if values else None


def _subject(header: HeaderView) -> str:
    return f"Auto: {(_first(header, b'subject') or 'your message')[:MAX_SUBJECT]}"


def _references(header: HeaderView, message_id: str | None) -> str | None:
    """RFC 5322 §3.6.4."""
    before = (_first(header, b"references") or _first(header, b"in-reply-to") or "").split()
    before = [one for one in before if len(one) <= MAX_MESSAGE_ID]
    known = [*before[-MAX_REFERENCES:], *([message_id] if message_id else [])]
    return " ".join(known) or None


def _derived_handle(reason: str, subject: str | None, from_: str | None, is_mime: bool) -> str:
    """RFC 5230 §4.7: equal arguments are one response."""
    whole = "\0".join((reason, subject or "", from_ or "", "mime" if is_mime else ""))
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:32]


def _check_from(call: Call, context: Context) -> Iterator[str]:
    yield from check_address("from")(call, context)
    yield from check_address("addresses")(call, context)


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "vacation",
            "vacation",
            tags=(
                Tag("days", "period", Type.NUMBER, "days"),
                Tag("seconds", "period", Type.NUMBER, "seconds", "vacation-seconds"),
                Tag("subject", value=Type.STRING),
                Tag("from", value=Type.STRING),
                Tag("addresses", value=Type.STRINGS),
                Tag("mime"),
                Tag("handle", value=Type.STRING),
                *FCC,
            ),
            positionals=(Positional("reason", Type.STRING),),
            checks=(_check_from, check_fcc),
        ),
        _vacation,
    ),
)
