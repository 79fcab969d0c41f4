"""Names of header fields, addresses and mailboxes that a script gives."""

import re
from collections.abc import Callable, Iterator, Sequence

from compostela.base.errors import InvalidArgument
from compostela.mime import addresses
from compostela.model.mail_address import MailAddress
from compostela.sieve.compiler import Compiler
from compostela.sieve.header_view import Names
from compostela.sieve.run import Run
from compostela.sieve.signatures import Check, Context, Remark
from compostela.sieve.tree import Call

_FIELD_NAME = re.compile(r"[!-9;-~]+")


def is_field_name(name: str) -> bool:
    """RFC 5322 §3.6.8."""
    return _FIELD_NAME.fullmatch(name) is not None


def check_field_names(argument: str, *, in_test: bool = True) -> Check:
    """A test with another name is valid and finds nothing (RFC 5228 §2.4.2.2); other commands must have a name."""
    kind = Remark if in_test else str

    def check(call: Call, context: Context) -> Iterator[str]:
        for name in call.texts(argument) or ():
            if context.is_constant(name) and not is_field_name(name):
                yield kind(f"'{name[:40]}' is no name of a header field")

    return check


_ADDRESS_FIELDS = frozenset({
    "apparently-to", "bcc", "cc", "delivered-to", "disposition-notification-to", "envelope-to", "errors-to", "from",
    "mail-followup-to", "mail-reply-to", "original-from", "reply-to", "resent-bcc", "resent-cc", "resent-from",
    "resent-reply-to", "resent-sender", "resent-to", "return-path", "return-receipt-to", "sender", "to",
})  # fmt: skip


def check_address_fields(call: Call, context: Context) -> Iterator[str]:
    """RFC 5228 §5.1: only fields that hold addresses; those of private use are let be."""
    for name in call.texts("headers") or ():
        if context.is_constant(name) and name.lower() not in _ADDRESS_FIELDS and not name.lower().startswith("x-"):
            yield f"the header field '{name[:40]}' holds no addresses"


def as_names(texts: Sequence[str]) -> Names:
    """In lower case, each once, without those that can name no field: so a test looks at no field twice."""
    return tuple(dict.fromkeys(name.lower().encode() for name in texts if is_field_name(name)))


def constant_field_names(call: Call, compiler: Compiler, argument: str) -> Names | None:
    """None if the names are known only at run time."""
    texts = call.texts(argument) or ()
    return as_names(texts) if all(compiler.is_constant(text) for text in texts) else None


def field_names(call: Call, compiler: Compiler, argument: str) -> Callable[[Run], Names]:
    constant = constant_field_names(call, compiler, argument)
    if constant is not None:
        return lambda _: constant
    expand = compiler.texts(call.texts(argument) or ())
    return lambda run: as_names(expand(run))


def single_address(text: str) -> str | None:
    """The address of `text`, which may have a display name and angle brackets; None if it is not exactly one."""
    found = addresses.parse(text.encode())
    if len(found) != 1 or not found[0].is_mailbox:
        return None
    try:
        return str(MailAddress.parse(found[0].text()))
    except InvalidArgument:
        return None


def check_address(argument: str) -> Check:
    def check(call: Call, context: Context) -> Iterator[str]:
        for text in call.texts(argument) or ():
            if context.is_constant(text) and single_address(text) is None:
                yield f"'{text}' is no mail address"

    return check


def is_mailbox_name(name: str) -> bool:
    return bool(name) and "\0" not in name and "\r" not in name and "\n" not in name and len(name) <= 1_000


def check_mailbox(argument: str) -> Check:
    def check(call: Call, context: Context) -> Iterator[str]:
        name = call.text(argument)
        if name is not None and context.is_constant(name) and not is_mailbox_name(name):
            yield f"'{name[:40]}' is no name of a mailbox"

    return check
