"""Small numbers as text, kept: a listing or a SEARCH tells hundreds, and to make the text of one takes longer than the rest of its line."""

from collections.abc import Sequence

KEPT_NUMBERS = 10_000
"""About 0.6 MB. Larger numbers are made when they are told."""
_TEXTS = [str(number) for number in range(KEPT_NUMBERS)]


def number_texts(numbers: Sequence[int]) -> list[str]:
    """Return the texts of numbers in ascending order."""
    if not numbers or numbers[-1] >= KEPT_NUMBERS:
        return list(map(str, numbers))
    if isinstance(numbers, range):
        return _TEXTS[numbers.start : numbers.stop : numbers.step]
    return [_TEXTS[number] for number in numbers]
