"""Regular expressions that an operator or a user writes."""

import re

from compostela.base.errors import InvalidArgument

LINEAR_MEMORY_BYTES = 8 * 1024 * 1024


def compiled(expression: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Raises `InvalidArgument`."""
    try:
        return re.compile(expression, flags)
    except re.error as error:
        raise InvalidArgument(f"{expression!r} is not a regular expression: {error}") from error


class LinearExpression:
    """An expression that takes linear time whatever text it is searched in: for texts that strangers write. It has no
    back-references and no look-around."""

    def __init__(self, expression: str) -> None:
        """Raises `InvalidArgument`."""
        import re2  # loaded when the first is used

        options = re2.Options()
        options.log_errors = False
        options.max_mem = LINEAR_MEMORY_BYTES
        try:
            self._compiled = re2.compile(expression, options)
        except re2.error as error:
            reason = error.args[0] if error.args else ""
            text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            raise InvalidArgument(f"{expression!r} is not a regular expression: {text}") from error

    def is_in(self, text: str) -> bool:
        """Whether it matches anywhere."""
        return self._compiled.search(text) is not None
