"""Matchers on attributes, header fields and size. All of them match the mail as a whole."""

import operator
import re
import sys
from collections.abc import Callable
from typing import NamedTuple

from compostela.base.errors import InvalidArgument
from compostela.base.units import parse_size
from compostela.core.blob.model import Octets
from compostela.core.mail.attributes import (
    AT_MOST_EXECUTIONS,
    DELIVERY_ERROR_CODE,
    IS_DELIVERY_PERMANENT_ERROR,
    MAILET_ERROR,
    SPAM_STATUS,
)
from compostela.core.mail.hops import has_too_many_hops
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, remove
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, compiled, given, number

_FETCHED_FROM = b"X-fetched-from"
_LINE_COUNT_STEP = 1 << 20


class RelayLimit(ConditionMatcher[int]):
    """As many Received fields as this, or more: the mail is in a loop."""

    def parse(self, condition: str) -> int:
        return number(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, has_too_many_hops(mail.content.header, self.wanted - 1))


class HasMailAttribute(ConditionMatcher[str]):
    """The mail has an attribute of this name."""

    def parse(self, condition: str) -> str:
        return given(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, self.wanted in mail.attributes)


class HasMailAttributeWithValue(ConditionMatcher[tuple[str, str]]):
    """`name, value`: the mail has this attribute with this value."""

    def parse(self, condition: str) -> tuple[str, str]:
        return _named(condition)

    async def match(self, mail: Mail) -> Recipients:
        name, value = self.wanted
        return whole(mail, name in mail.attributes and str(mail.attributes[name]) == value)


class HasMailAttributeWithValueRegex(ConditionMatcher[tuple[str, re.Pattern[str]]]):
    """`name, regular expression`: the mail has this attribute, and its whole value matches."""

    def parse(self, condition: str) -> tuple[str, re.Pattern[str]]:
        name, expression = _named(condition)
        return name, compiled(expression)

    async def match(self, mail: Mail) -> Recipients:
        name, pattern = self.wanted
        value = mail.attributes.get(name)
        return whole(mail, value is not None and pattern.fullmatch(str(value)) is not None)


class AtMost(ConditionMatcher[tuple[str, int]]):
    """`[attribute:]n`: the first n times that the mail comes here."""

    def parse(self, condition: str) -> tuple[str, int]:
        name, _, limit = condition.rpartition(":")
        return name or AT_MOST_EXECUTIONS, number(limit)

    async def match(self, mail: Mail) -> Recipients:
        name, limit = self.wanted
        noted = mail.attributes.get(name, 0)
        passed = noted if isinstance(noted, int) else 0
        if passed >= limit:
            return ()
        mail.attributes[name] = passed + 1
        return mail.recipients


class IsRemoteDeliveryPermanentError(Matcher):
    """The next hop refused the mail permanently."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.attributes.get(IS_DELIVERY_PERMANENT_ERROR) is True)


class IsRemoteDeliveryTemporaryError(Matcher):
    """The next hop refused the mail temporarily."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.attributes.get(IS_DELIVERY_PERMANENT_ERROR) is False)


class RemoteDeliveryFailedWithSMTPCode(ConditionMatcher[int]):
    """The next hop answered with this reply code."""

    def parse(self, condition: str) -> int:
        return number(condition, 100, 599)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.attributes.get(DELIVERY_ERROR_CODE) == self.wanted)


class HasException(ConditionMatcher[str]):
    """The mailet that failed raised this class of exception, or a class derived from it. The name is dotted or short; Java's
    `java.lang.Exception` and `java.lang.Throwable` are every exception."""

    _ANY = frozenset({"java.lang.Throwable", "java.lang.Exception"})

    def parse(self, condition: str) -> str:
        return given(condition)

    async def match(self, mail: Mail) -> Recipients:
        error = mail.attributes.get(MAILET_ERROR)
        if not isinstance(error, str):
            return ()
        raised = error.partition(":")[0]
        return whole(mail, self.wanted in self._ANY or self.wanted in _classes(raised))


def _classes(raised: str) -> set[str]:
    """The dotted and short names of the class and of what it derives from, as far as its module is loaded here."""
    module, _, name = raised.rpartition(".")
    names = {raised, name}
    kind = getattr(sys.modules.get(module), name, None)
    if isinstance(kind, type):
        for base in kind.__mro__:
            names |= {base.__qualname__, f"{base.__module__}.{base.__qualname__}"}
    return names


class SizeGreaterThan(ConditionMatcher[int]):
    """The message is larger than `n[k|m]`."""

    def parse(self, condition: str) -> int:
        return parse_size(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.size > self.wanted)


class TooManyLines(ConditionMatcher[int]):
    """The message, header and body, has more lines than this."""

    def parse(self, condition: str) -> int:
        return number(condition, 1)

    async def match(self, mail: Mail) -> Recipients:
        lines = mail.content.header.count(b"\n")
        if lines <= self.wanted:
            lines += await mail.content.body.apply(_lines)
        return whole(mail, lines > self.wanted)


def _lines(body: Octets) -> int:
    size = len(body)
    found = sum(body[at : at + _LINE_COUNT_STEP].count(b"\n") for at in range(0, size, _LINE_COUNT_STEP))
    return found + (size > 0 and body[size - 1 : size] != b"\n")


class HasHeader(ConditionMatcher[list[tuple[str, str | None]]]):
    """`name[=value][+name…]`: the message, or the recipient's own header fields, have all of these."""

    def parse(self, condition: str) -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        for wanted in given(condition).split("+"):
            name, equals, value = wanted.strip().partition("=")
            if not name:
                raise InvalidArgument(f"{condition!r} has no header name before '='")
            found.append((name, value if equals else None))
        return found

    async def match(self, mail: Mail) -> Recipients:
        headers = Headers(mail.content.header)
        missing = []
        for name, value in self.wanted:
            found = headers.get_all(name.encode())
            if not found or (value is not None and value not in {decode(one) for one in found}):
                missing.append((name.lower(), value))
        if not missing:
            return mail.recipients
        return [
            who
            for who, own in mail.per_recipient_headers.items()
            if who in mail.recipients
            and all(any(name == n.lower() and value in (None, v) for n, v in own) for name, value in missing)
        ]


class HasHeaderWithPrefix(ConditionMatcher[bytes]):
    """The message has a header field whose name begins so."""

    def parse(self, condition: str) -> bytes:
        return given(condition).lower().encode()

    async def match(self, mail: Mail) -> Recipients:
        fields = Headers(mail.content.header)
        return whole(mail, any(field.name.lower().startswith(self.wanted) for field in fields))


class FetchedFrom(ConditionMatcher[str]):
    """The field `X-fetched-from` has this value. It is removed then."""

    def parse(self, condition: str) -> str:
        return given(condition)

    async def match(self, mail: Mail) -> Recipients:
        if self.wanted not in map(decode, Headers(mail.content.header).get_all(_FETCHED_FROM)):
            return ()
        mail.content = mail.content.with_header(remove(mail.content.header, [_FETCHED_FROM]))
        return mail.recipients


class _Comparison(NamedTuple):
    header: bytes
    compare: Callable[[float, float], bool]
    value: float


_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "LT": operator.lt, "<=": operator.le, "=<": operator.le, "LE": operator.le,
    "==": operator.eq, "=": operator.eq, "EQ": operator.eq, ">=": operator.ge, "=>": operator.ge, "GE": operator.ge,
    ">": operator.gt, "GT": operator.gt,
}  # fmt: skip


class CompareNumericHeaderValue(ConditionMatcher[_Comparison]):
    """`header operator number`: the first field of this name holds a number that compares so. Operators are `<`, `<=`, `==`,
    `>=`, `>`, or LT, LE, EQ, GE, GT."""

    def parse(self, condition: str) -> _Comparison:
        words = condition.split()
        if len(words) != 3:
            raise InvalidArgument(f"{condition!r} is not 'header operator number'")
        header, sign, value = words
        if sign.upper() not in _OPERATORS:
            raise InvalidArgument(f"{sign!r} is none of {' '.join(_OPERATORS)}")
        try:
            return _Comparison(header.encode(), _OPERATORS[sign.upper()], float(value))
        except ValueError:
            raise InvalidArgument(f"{value!r} is not a number") from None

    async def match(self, mail: Mail) -> Recipients:
        value = Headers(mail.content.header).get(self.wanted.header)
        try:
            return whole(mail, value is not None and self.wanted.compare(float(value), self.wanted.value))
        except ValueError:
            return ()


class IsMarkedAsSpam(ConditionMatcher[str]):
    """Recipients whose own header field of this name, or the mail's attribute of this name, begins with YES; by default
    SpamAssassin's status."""

    def parse(self, condition: str) -> str:
        return condition or SPAM_STATUS

    async def match(self, mail: Mail) -> Recipients:
        if _is_yes(str(mail.attributes.get(self.wanted, ""))):
            return mail.recipients
        marked = {
            who
            for who, own in mail.per_recipient_headers.items()
            if any(name.lower() == self.wanted.lower() and _is_yes(value) for name, value in own)
        }
        return [one for one in mail.recipients if one in marked]


def _is_yes(value: str) -> bool:
    return value.strip().upper().startswith("YES")


class SubjectIs(ConditionMatcher[str]):
    """The decoded subject is this."""

    def parse(self, condition: str) -> str:
        return condition

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, decode(Headers(mail.content.header).get(b"Subject") or b"") == self.wanted)


class SubjectStartsWith(ConditionMatcher[str]):
    """The decoded subject begins so."""

    def parse(self, condition: str) -> str:
        return given(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, decode(Headers(mail.content.header).get(b"Subject") or b"").startswith(self.wanted))


def _named(condition: str) -> tuple[str, str]:
    name, comma, value = condition.partition(",")
    if not comma or not name.strip():
        raise InvalidArgument(f"{condition!r} is not 'name, value'")
    return name.strip(), value.strip()
