"""Tags that several tests share: match types and comparators, address parts, field indexes, MIME options."""

from collections.abc import Iterator

from compostela.base.errors import InvalidArgument
from compostela.sieve.regular import compile_regex
from compostela.sieve.signatures import Context, Tag, Type
from compostela.sieve.tree import Call

MATCH = (
    Tag("is", "match"),
    Tag("contains", "match"),
    Tag("matches", "match"),
    Tag("regex", "match", capability="regex"),
    Tag("count", "match", Type.STRING, "relation", "relational", constant=True),
    Tag("value", "match", Type.STRING, "relation", "relational", constant=True),
    Tag("list", "match", capability="extlists"),
    Tag("comparator", value=Type.STRING, constant=True),
)
"""RFC 5228 §2.7, RFC 5231, RFC 6134 and the draft of regex."""

ADDRESS_PART = (
    Tag("all", "part"),
    Tag("localpart", "part"),
    Tag("domain", "part"),
    Tag("user", "part", capability="subaddress"),
    Tag("detail", "part", capability="subaddress"),
)
"""RFC 5228 §2.7.4, RFC 5233."""

INDEX = (
    Tag("index", value=Type.NUMBER, capability="index"),
    Tag("last", capability="index", needs="index"),
)
"""RFC 5260 §6."""

MIME = (
    Tag("mime", capability="mime"),
    Tag("anychild", capability="mime", needs="mime"),
)
"""RFC 5703 §4."""

RELATIONS = ("gt", "ge", "lt", "le", "eq", "ne")
COMPARATORS = ("i;octet", "i;ascii-casemap", "i;ascii-numeric")
IMPLICIT_COMPARATORS = ("i;octet", "i;ascii-casemap")


def check_match(call: Call, context: Context) -> Iterator[str]:
    """Relation, comparator and what they allow together."""
    relation = call.text("relation")
    if relation is not None and relation.lower() not in RELATIONS:
        yield f"unknown relation '{relation}': it is one of {', '.join(RELATIONS)}"
    comparator = (call.text("comparator") or "i;ascii-casemap").lower()
    if comparator not in COMPARATORS:
        yield f"unknown comparator '{comparator}'"
    elif comparator not in IMPLICIT_COMPARATORS and f"comparator-{comparator}" not in context.capabilities:
        yield f'the comparator needs require "comparator-{comparator}"'
    match = call.text("match")
    if comparator == "i;ascii-numeric" and match in ("contains", "matches", "regex"):
        yield f"the comparator i;ascii-numeric does not work with :{match}"
    if match == "regex":
        yield from _check_regex(call, comparator, context)


def _check_regex(call: Call, comparator: str, context: Context) -> Iterator[str]:
    for pattern in call.texts("keys") or ():
        if context.is_constant(pattern):
            try:
                compile_regex(pattern, comparator == "i;ascii-casemap", context.limits)
            except InvalidArgument as error:
                yield str(error)


def check_index(call: Call, _: Context) -> Iterator[str]:
    if call.number("index") == 0:
        yield "the index counts from 1"
