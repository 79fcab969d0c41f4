"""The tests of RFC 5228 §5 that look at the message: header, address, envelope, exists, size."""

from collections.abc import Callable, Iterator

from compostela.sieve.address_parts import PARTS, AddressPart, part_of, part_of_text
from compostela.sieve.compiler import Compiler, RunTest, ValuesOf
from compostela.sieve.decoding import field_text
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.extensions.mime import OPTIONS, check_options, option_values
from compostela.sieve.header_view import Names
from compostela.sieve.matching import Values
from compostela.sieve.names import check_address_fields, check_field_names, constant_field_names, field_names
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_test
from compostela.sieve.sources import address_values, raw_values, views
from compostela.sieve.tags import ADDRESS_PART, INDEX, MATCH, MIME, check_index, check_match
from compostela.sieve.tree import Call

_ENVELOPE_PARTS = ("from", "to", "auth")
_HEADERS = Positional("headers", Type.STRINGS)
_KEYS = Positional("keys", Type.STRINGS)


def _header(call: Call, compiler: Compiler) -> RunTest:
    names = field_names(call, compiler, "headers")
    if call.text("option") is not None:
        return compiler.match(call, option_values(call, compiler, names))
    if not call.flag("mime") and call.number("index") is None:
        constant = constant_field_names(call, compiler, "headers")
        if constant is not None:
            return compiler.match(call, lambda run: run.draft.header.values(constant))
        return compiler.match(call, lambda run: run.draft.header.values(names(run)))
    among = views(call)

    def values(run: Run) -> Values:
        return Values([field_text(value) for value in raw_values(call, names(run), among(run))])

    return compiler.match(call, values)


def _address(call: Call, compiler: Compiler) -> RunTest:
    names = field_names(call, compiler, "headers")
    part = PARTS[call.text("part") or "all"]
    if not call.flag("mime") and call.number("index") is None:
        return compiler.match(call, _remembered_addresses(names, part))
    among = views(call)

    def values(run: Run) -> Values:
        found = (part_of(address, part) for address in address_values(call, names(run), among(run)))
        return Values([text for text in found if text is not None])

    return compiler.match(call, values)


def _remembered_addresses(names: Callable[[Run], Names], part: AddressPart) -> ValuesOf:
    def values(run: Run) -> Values:
        view = run.draft.header
        wanted = names(run)
        key = (wanted, part)
        found = view.remembered(key)
        if found is None:
            texts = (part_of(address, part) for name in wanted for field in view.addresses(name) for address in field)
            found = view.remember(key, (text for text in texts if text is not None))
        return found

    return values


def _envelope(call: Call, compiler: Compiler) -> RunTest:
    names = compiler.texts(call.texts("parts") or ())
    part = PARTS[call.text("part") or "all"]

    def values(run: Run) -> Values:
        envelope = run.envelope
        given = {"from": envelope.mail_from, "to": envelope.rcpt_to, "auth": envelope.auth}
        texts = (given.get(name.lower()) for name in names(run))
        found = (part_of_text(text, part) for text in texts if text is not None)
        return Values([text for text in found if text is not None])

    return compiler.match(call, values)


def _check_envelope(call: Call, context: Context) -> Iterator[str]:
    for name in call.texts("parts") or ():
        if context.is_constant(name) and name.lower() not in _ENVELOPE_PARTS:
            yield f"unknown part of the envelope '{name}': it is one of {', '.join(_ENVELOPE_PARTS)}"


def _exists(call: Call, compiler: Compiler) -> RunTest:
    names = field_names(call, compiler, "headers")
    among = views(call)
    count = len(call.texts("headers") or ())

    def test_exists(run: Run) -> bool:
        wanted = names(run)
        found = among(run)
        return len(wanted) == count and all(any(view.has(name) for view in found) for name in wanted)

    return test_exists


def _size(call: Call, _: Compiler) -> RunTest:
    limit = call.number("limit") or 0
    if call.text("relation") == "over":
        return lambda run: run.message.size > limit
    return lambda run: run.message.size < limit


def _check_size(call: Call, _: Context) -> Iterator[str]:
    if call.text("relation") is None:
        yield "'size' needs ':over' or ':under'"


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "header",
            tags=(*MATCH, *INDEX, *MIME, *OPTIONS),
            positionals=(_HEADERS, _KEYS),
            checks=(check_match, check_index, check_options, check_field_names("headers")),
        ),
        _header,
    ),
    TestDefinition(
        of_test(
            "address",
            tags=(*MATCH, *ADDRESS_PART, *INDEX, *MIME),
            positionals=(_HEADERS, _KEYS),
            checks=(check_match, check_index, check_address_fields),
        ),
        _address,
    ),
    TestDefinition(
        of_test(
            "envelope",
            "envelope",
            tags=(*MATCH, *ADDRESS_PART),
            positionals=(Positional("parts", Type.STRINGS), _KEYS),
            checks=(check_match, _check_envelope),
        ),
        _envelope,
    ),
    TestDefinition(
        of_test("exists", tags=MIME, positionals=(_HEADERS,), checks=(check_field_names("headers"),)), _exists
    ),
    TestDefinition(
        of_test(
            "size",
            tags=(Tag("over", "relation"), Tag("under", "relation")),
            positionals=(Positional("limit", Type.NUMBER),),
            checks=(_check_size,),
        ),
        _size,
    ),
)
