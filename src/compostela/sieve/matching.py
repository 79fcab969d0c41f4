"""Match types (RFC 5228 §2.7.1, RFC 5231): from the tags of a test to one function that looks for keys among values."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from compostela.base.errors import InvalidArgument
from compostela.sieve.comparators import SORT_KEYS, ascii_fold
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.limits import Limits
from compostela.sieve.regular import compile_regex
from compostela.sieve.wildcard import Wildcard

T = TypeVar("T")


class Values:
    """The values that a test looks at, folded when a comparator first asks for it."""

    __slots__ = ("_folded", "raw")

    def __init__(self, raw: Sequence[str]) -> None:
        self.raw = raw
        self._folded: Sequence[str] | None = None

    @property
    def folded(self) -> Sequence[str]:
        if self._folded is None:
            self._folded = [ascii_fold(value) for value in self.raw]
        return self._folded


NO_VALUES = Values(())

Captures = tuple[str, ...]
Check = Callable[[], None]
"""Raises `ScriptFailure` when the time of the run is over."""
Find = Callable[[Values, Check], Captures | None]
"""None if no value matches a key, else the match variables: none for match types that set none."""

LONG_CHARACTERS = 4_096
"""Before each key that is looked for in a longer value there is a look at the clock."""
FEW_KEYS = 16
"""Before each value in which more keys are looked for there is one, too."""

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {  # both sides are keys of one comparator
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MatchType:
    """`name` is the tag of the match type, `relation` that of `:count` and `:value`."""

    name: str = "is"
    comparator: str = "i;ascii-casemap"
    relation: str = "eq"

    @property
    def sets_variables(self) -> bool:
        return self.name in ("matches", "regex")

    @property
    def folds(self) -> bool:
        return self.comparator == "i;ascii-casemap"


def finder(match: MatchType, keys: Sequence[str], limits: Limits) -> Find:
    """Raises `ScriptFailure` for a key that is no valid pattern."""
    if match.name == "is":
        return _is(match, keys)
    if match.name == "contains":
        return _contains(match, keys)
    if match.name == "matches":
        return _matches(match, keys, limits)
    if match.name == "regex":
        return _regex(match, keys, limits)
    return _relational(match, keys)


def _is(match: MatchType, keys: Sequence[str]) -> Find:
    key_of = SORT_KEYS[match.comparator]
    wanted = frozenset(key_of(key) for key in keys)
    if match.folds:
        return lambda values, _: None if wanted.isdisjoint(values.folded) else ()
    if match.comparator == "i;octet":
        return lambda values, _: None if wanted.isdisjoint(values.raw) else ()
    return lambda values, _: () if any(key_of(value) in wanted for value in values.raw) else None


def _contains(match: MatchType, keys: Sequence[str]) -> Find:
    folds = match.folds
    wanted = tuple(ascii_fold(key) for key in keys) if folds else tuple(keys)
    if len(wanted) == 1:
        (only,) = wanted

        def find_one(values: Values, check_time: Check) -> Captures | None:
            for value in values.folded if folds else values.raw:
                if len(value) > LONG_CHARACTERS:
                    check_time()
                if only in value:
                    return ()
            return None

        return find_one

    def find(values: Values, check_time: Check) -> Captures | None:
        for value in values.folded if folds else values.raw:
            for key in _timed(wanted, value, check_time):
                if key in value:
                    return ()
        return None

    return find


def _matches(match: MatchType, keys: Sequence[str], limits: Limits) -> Find:
    folds = match.folds
    patterns = [Wildcard(ascii_fold(key) if folds else key) for key in keys]
    check = _work_check(sum(pattern.cost for pattern in patterns), limits)

    def find(values: Values, check_time: Check) -> Captures | None:
        check(values)
        for value, raw in zip(values.folded if folds else values.raw, values.raw, strict=True):
            for pattern in _timed(patterns, value, check_time):
                captures = pattern.match(value, raw)
                if captures is not None:
                    return captures
        return None

    return find


def _timed(keys: Sequence[T], value: str, check_time: Check) -> Iterable[T]:
    """The keys, with looks at the clock as the length of the value and their number want them."""
    if len(value) > LONG_CHARACTERS:
        return _checked(keys, check_time)
    if len(keys) > FEW_KEYS:
        check_time()
    return keys


def _checked(items: Iterable[T], check_time: Check) -> Iterator[T]:
    for item in items:
        check_time()
        yield item


def _work_check(cost: int, limits: Limits) -> Callable[[Values], None]:
    """Raises `ScriptFailure` if `cost` for each character of the values is too much work for one test."""

    def check(values: Values) -> None:
        if cost and cost * sum(map(len, values.raw)) > limits.match_work:
            raise ScriptFailure("the patterns of a test are too costly for this message")

    return check


def _regex(match: MatchType, keys: Sequence[str], limits: Limits) -> Find:
    try:
        patterns = [compile_regex(key, match.folds, limits) for key in keys]
    except InvalidArgument as error:
        raise ScriptFailure(str(error)) from error
    check = _work_check(sum(pattern.cost for pattern in patterns), limits)

    def find(values: Values, check_time: Check) -> Captures | None:
        check(values)
        for value in values.raw:
            for pattern in _timed(patterns, value, check_time):
                captures = pattern.search(value)
                if captures is not None:
                    return captures
        return None

    return find


def _relational(match: MatchType, keys: Sequence[str]) -> Find:
    key_of = SORT_KEYS[match.comparator]
    wanted = [key_of(key) for key in keys]
    holds = _RELATIONS[match.relation]
    if match.name == "count":
        # RFC 5231 §4.2: the number of values, as text
        return lambda values, _: () if any(holds(key_of(str(len(values.raw))), key) for key in wanted) else None

    def find(values: Values, check_time: Check) -> Captures | None:
        for value in values.raw:
            sort_key = key_of(value)
            if any(holds(sort_key, key) for key in _timed(wanted, value, check_time)):
                return ()
        return None

    return find
