"""What the distributed edition does not have yet."""

from typing import NoReturn

from compostela.base.errors import TemporaryFailure
from compostela.core.events.model import Group


class NotBuilt:
    """Takes the place of a port: each call raises `TemporaryFailure`, which names what is missing."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> NoReturn:
        raise TemporaryFailure(f"the distributed edition cannot {self._what} yet")


class NoGroups(NotBuilt):
    """Cursors of listener groups, none of which is run: the configuration switches them off with a warning."""

    async def groups(self) -> list[Group]:
        return []

    async def unattended(self) -> list[str]:
        return []
