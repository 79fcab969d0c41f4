"""The order of the tests of the rest loses none, and each worker begins with its share of the long modules."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.order import LONG, longest_first


@dataclass(frozen=True)
class Item:
    path: Path
    number: int


def items_of(**counts: int) -> list[Item]:
    return [Item(Path(name), number) for name, count in counts.items() for number in range(count)]


def test_each_worker_begins_with_long_modules() -> None:
    items = items_of(a=4, long=1, b=4, longer=1, c=2)
    ordered = longest_first(items, 2, [Path("longer"), Path("long")])
    assert [item.path.name for item in ordered] == ["longer", *"aaaab", "long", *"bbbcc"]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("counts", [{}, {"x": 1}, {"a": 5, "x": 20, "b": 3, "y": 2}])
def test_no_test_is_lost_or_doubled(workers: int, counts: dict[str, int]) -> None:
    items = items_of(**counts)
    ordered = longest_first(items, workers, [Path("x"), Path("y"), Path("z")])
    assert sorted(ordered, key=repr) == sorted(items, key=repr)


def test_the_long_modules_exist() -> None:
    assert [path for path in LONG if not path.is_file()] == []
