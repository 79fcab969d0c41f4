"""Percentiles as they are given in the tables."""

import math
from collections.abc import Sequence


def percentile(ascending: Sequence[float], part: float) -> float:
    """The smallest value that so large a part of all values does not exceed (nearest rank); 0 without values."""
    if not ascending:
        return 0.0
    rank = math.ceil(round(part * len(ascending), 9))
    return ascending[min(max(rank, 1), len(ascending)) - 1]
