"""What the distributed edition does not have yet."""

from typing import NoReturn

from compostela.base.errors import TemporaryFailure


class NotBuilt:
    """Takes the place of a port: each call raises `TemporaryFailure`, which names what is missing."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> NoReturn:
        raise TemporaryFailure(f"the distributed edition cannot {self._what} yet")
