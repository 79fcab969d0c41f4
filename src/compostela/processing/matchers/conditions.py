"""Conditions of matchers."""

import re

from compostela.base.errors import InvalidArgument


def items(condition: str) -> list[str]:
    """A list separated by commas or blanks."""
    return condition.replace(",", " ").split()


def number(condition: str) -> int:
    """Raises `InvalidArgument`."""
    try:
        return int(condition)
    except ValueError:
        raise InvalidArgument(f"{condition!r} is not a whole number") from None


def compiled(condition: str) -> re.Pattern[str]:
    """Raises `InvalidArgument`."""
    try:
        return re.compile(condition, re.IGNORECASE)
    except re.error as error:
        raise InvalidArgument(f"{condition!r} is not a regular expression: {error}") from None
