"""Conditions of matchers, read when the matcher is made: a wrong one is an error of the configuration."""

import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from compostela.base import expressions
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


def number(condition: str, minimum: int = 0, maximum: int | None = None) -> int:
    """Raises `InvalidArgument`, also for a number that is out of bounds."""
    try:
        value = int(condition)
    except ValueError:
        raise InvalidArgument(f"{condition!r} is not a whole number") from None
    if value < minimum:
        raise InvalidArgument(f"{condition!r} is less than {minimum}")
    if maximum is not None and value > maximum:
        raise InvalidArgument(f"{condition!r} is more than {maximum}")
    return value


def compiled(condition: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """Raises `InvalidArgument`."""
    return expressions.compiled(given(condition), flags)
