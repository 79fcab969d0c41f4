"""Which header fields a test looks at: those of the message, of the current part, or of all parts (RFC 5703 §4), and which of
several with one name (RFC 5260 §6)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from compostela.mime.addresses import Address
from compostela.sieve.header_view import HeaderView, Names
from compostela.sieve.parts import Entity
from compostela.sieve.run import Run
from compostela.sieve.tree import Call

T = TypeVar("T")
Views = Callable[[Run], Sequence[HeaderView]]


def current_part(run: Run) -> Entity:
    """That of the innermost loop, or the whole message."""
    return run.loops[-1] if run.loops else run.draft.root


def views(call: Call) -> Views:
    """The header blocks that the tags `:mime` and `:anychild` choose."""
    if not call.flag("mime"):
        return lambda run: (run.draft.header,)
    if call.flag("anychild"):
        return _with_children
    return lambda run: (current_part(run).header,)


def _with_children(run: Run) -> Sequence[HeaderView]:
    part = current_part(run)
    return [part.header, *(child.header for child in part.descendants())]


def picked(found: Sequence[T], index: int | None, last: bool) -> Sequence[T]:
    """The one that `:index` and `:last` choose, or all."""
    if index is None:
        return found
    if last:
        return found[len(found) - index :][:1] if index <= len(found) else ()
    return found[index - 1 : index]


def raw_values(call: Call, names: Names, among: Sequence[HeaderView]) -> list[bytes]:
    """The raw field values; an index counts the fields of each name apart."""
    index, last = call.number("index"), call.flag("last")
    return [value for view in among for name in names for value in picked(view.raw(name), index, last)]


def address_values(call: Call, names: Names, among: Sequence[HeaderView]) -> list[Address]:
    index, last = call.number("index"), call.flag("last")
    return [
        address
        for view in among
        for name in names
        for field in picked(view.addresses(name), index, last)
        for address in field
    ]
