"""Texts of numbers are the same whether they are kept or made."""

from collections.abc import Sequence

import pytest

from compostela.protocols.imap.number_texts import KEPT_NUMBERS, number_texts


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [1, 7, 12],
        range(5, 9),
        range(0),
        [3, KEPT_NUMBERS - 1],
        [3, KEPT_NUMBERS],
        range(KEPT_NUMBERS - 2, KEPT_NUMBERS + 2),
        [1, 2**32 - 1],
    ],
    ids=str,
)
def test_texts(numbers: Sequence[int]) -> None:
    assert number_texts(numbers) == [str(number) for number in numbers]
