"""Regular expressions that an operator or a user writes."""

import re

from compostela.base.errors import InvalidArgument


def compiled(expression: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Raises `InvalidArgument`."""
    try:
        return re.compile(expression, flags)
    except re.error as error:
        raise InvalidArgument(f"{expression!r} is not a regular expression: {error}") from error
