"""The arithmetic of the benchmark's tables."""

import pytest
from bench.percentiles import percentile
from bench.table import Row, at_most, render


@pytest.mark.parametrize(
    ("count", "part", "value"),
    [
        (100, 0.99, 99.0), (100, 0.5, 50.0), (100, 1.0, 100.0), (101, 0.99, 100.0), (1000, 0.999, 999.0), (1, 0.99, 1.0),
        (2, 0.5, 1.0), (3, 0.5, 2.0), (10, 0.0, 1.0), (10, 0.95, 10.0), (0, 0.99, 0.0),
    ],
)  # fmt: skip
def test_the_nearest_rank(count: int, part: float, value: float) -> None:
    assert percentile([float(one) for one in range(1, count + 1)], part) == value


def test_a_bound_is_met_or_missed() -> None:
    rows = [Row("a", "ms", 100.0, None, at_most(100)), Row("b", "ms", 100.1, None, at_most(100)), Row("c", "ms", 1.0)]
    assert [row.met for row in rows] == [True, False, None]
    lines = render(rows).splitlines()
    assert lines[2].rstrip(" |").endswith("met")
    assert lines[3].rstrip(" |").endswith("missed")
