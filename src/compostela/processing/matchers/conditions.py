"""Conditions of matchers, read when the matcher is made: a wrong one is an error of the configuration."""

import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, MatcherContext

T = TypeVar("T")


class ConditionMatcher(Matcher, Generic[T]):
    """A matcher with a condition. `wanted` is the condition as `parse` reads it."""

    def __init__(self, condition: str, settings: Settings, context: MatcherContext) -> None:
        """Raises `InvalidArgument` for a wrong condition."""
        super().__init__(condition, settings, context)
        self.wanted: T = self.parse(condition)

    @abstractmethod
    def parse(self, condition: str) -> T:
        """Raises `InvalidArgument`."""


def items(condition: str) -> list[str]:
    """A list separated by commas or blanks."""
    return condition.replace(",", " ").split()


def given(condition: str) -> str:
    """The condition itself. Raises `InvalidArgument` if it is empty."""
    if not condition:
        raise InvalidArgument("a condition is needed")
    return condition


def some(condition: str) -> list[str]:
    """A list with at least one item. Raises `InvalidArgument`."""
    return items(given(condition))


def addresses(condition: str) -> frozenset[MailAddress]:
    """Raises `InvalidArgument`."""
    return frozenset(_each(MailAddress.parse, condition))


def domains(condition: str) -> frozenset[Domain]:
    """Raises `InvalidArgument`."""
    return frozenset(_each(Domain.parse, condition))


def _each(parse: Callable[[str], T], condition: str) -> list[T]:
    found: list[T] = []
    for one in some(condition):
        try:
            found.append(parse(one))
        except InvalidArgument as wrong:
            raise InvalidArgument(f"{one!r}: {wrong}") from wrong
    return found


def number(condition: str, minimum: int | None = None, maximum: int | None = None) -> int:
    """Raises `InvalidArgument`."""
    try:
        value = int(condition)
    except ValueError:
        raise InvalidArgument(f"{condition!r} is not a whole number") from None
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        raise InvalidArgument(f"{condition!r} is not between {minimum} and {maximum}")
    return value


def count(condition: str) -> int:
    """Raises `InvalidArgument`, also for a negative number."""
    value = number(condition)
    if value < 0:
        raise InvalidArgument(f"{condition!r} is negative")
    return value


def compiled(condition: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """Raises `InvalidArgument`."""
    try:
        return re.compile(given(condition), flags)
    except re.error as error:
        raise InvalidArgument(f"{condition!r} is not a regular expression: {error}") from None
