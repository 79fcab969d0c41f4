"""Fewer rounds for the SCRAM secrets of users: with as many as of real ones, to add a user takes 40 ms of computing."""

from collections.abc import Iterator

import pytest

from compostela.core.users import scram


@pytest.fixture(autouse=True)
def few_scram_rounds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Except for tests that ask for `real_scram_rounds`."""
    if "real_scram_rounds" in request.fixturenames:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scram, "ITERATIONS", 100)
        yield


@pytest.fixture
def real_scram_rounds() -> None:
    """For tests about the number of rounds."""
