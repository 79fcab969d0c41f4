"""A copy of each generated message in a mailbox: the tag `:fcc` (RFC 8580)."""

from collections.abc import Callable, Iterator

from compostela.sieve.actions import CarbonCopy
from compostela.sieve.compiler import Compiler
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.extensions.imap4flags import FLAGS, as_flags, split_flags
from compostela.sieve.extensions.mailbox import CREATE
from compostela.sieve.extensions.special_use import SPECIAL_USE, check_special_use
from compostela.sieve.names import check_mailbox, is_mailbox_name
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Tag, Type
from compostela.sieve.tree import Call

_OPTIONS = (CREATE, FLAGS, SPECIAL_USE)
FCC = (
    Tag("fcc", value=Type.STRING, capability="fcc"),
    *(Tag(tag.name, value=tag.value, capability=tag.capability, needs="fcc") for tag in _OPTIONS),
)


def check_fcc(call: Call, context: Context) -> Iterator[str]:
    yield from check_mailbox("fcc")(call, context)
    yield from check_special_use(call, context)


def carbon_copy(call: Call, compiler: Compiler) -> Callable[[Run], CarbonCopy | None]:
    name = call.text("fcc")
    if name is None:
        return lambda _: None
    mailbox = compiler.text(name)
    flags = call.texts("flags")
    expand = compiler.texts(flags or ())
    special_use = compiler.optional_text(call.text("specialuse"))
    creates = call.flag("create")

    def make(run: Run) -> CarbonCopy:
        target = mailbox(run)
        if not is_mailbox_name(target):
            raise ScriptFailure(f"'{target[:40]}' is no name of a mailbox")
        set_flags = None if flags is None else as_flags(split_flags(expand(run)))
        return CarbonCopy(target, set_flags, creates, special_use(run))

    return make
