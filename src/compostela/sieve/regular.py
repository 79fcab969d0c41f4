"""The match type `:regex`: POSIX extended regular expressions, matched by RE2 in linear time and bounded memory."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from compostela.base.errors import InvalidArgument

if TYPE_CHECKING:
    from compostela.sieve.limits import Limits


class Regex:
    """One compiled expression: leftmost and longest, as POSIX says."""

    __slots__ = ("_compiled", "cost")

    def __init__(self, compiled: Any, cost: int) -> None:  # RE2 has no types
        self._compiled = compiled
        self.cost = cost

    def search(self, value: str) -> tuple[str, ...] | None:
        """The whole match and the groups, an absent one as an empty string."""
        found = self._compiled.search(value)
        return None if found is None else (found.group(), *(group or "" for group in found.groups()))


def compile_regex(pattern: str, ignore_case: bool, limits: "Limits") -> Regex:
    """Raises `InvalidArgument` if the expression is none, too long, or needs too much memory."""
    if len(pattern.encode()) > limits.regex_octets:
        raise InvalidArgument(f"the regular expression is longer than {limits.regex_octets} octets")
    return _compiled(pattern, ignore_case, limits.regex_memory_octets)


@lru_cache(maxsize=64)
def _compiled(pattern: str, ignore_case: bool, memory: int) -> Regex:
    import re2  # loaded when the first script uses it

    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.one_line = True
    options.dot_nl = True
    options.case_sensitive = not ignore_case
    options.log_errors = False
    options.max_mem = memory
    try:
        return Regex(re2.compile(pattern, options), len(pattern))
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidArgument(f"invalid regular expression: {text}") from error
