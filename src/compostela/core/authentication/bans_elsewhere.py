"""Bans that several processes share, with what one process keeps while the place where they are is away."""

from abc import ABC, abstractmethod

from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import Ban, Bans


class BansElsewhere(ABC):
    """Implements `Bans`. While the shared place cannot be used, `meanwhile` keeps the bans of this process; they stay in force in this
    process when the place is back. Bans that only the place knows let their addresses in until then. The methods of subclasses raise
    `TemporaryFailure`."""

    def __init__(self, meanwhile: Bans, complaints: Complaints, complaint: str) -> None:
        """`complaint` is what the log says when the place is away."""
        self._meanwhile = meanwhile
        self._complaints = complaints
        self._complaint = complaint

    @abstractmethod
    async def _add(self, ban: Ban) -> None: ...

    @abstractmethod
    async def _find(self, address: str) -> Ban | None: ...

    @abstractmethod
    async def _all(self) -> list[Ban]: ...

    @abstractmethod
    async def _remove(self, address: str) -> bool: ...

    @abstractmethod
    async def _remove_all(self) -> bool: ...

    async def add(self, ban: Ban) -> None:
        try:
            await self._add(ban)
        except TemporaryFailure as error:
            self._complain(error)
            await self._meanwhile.add(ban)

    async def find(self, address: str) -> Ban | None:
        meanwhile = await self._meanwhile.find(address)
        if meanwhile is not None:
            return meanwhile
        try:
            return await self._find(address)
        except TemporaryFailure as error:
            self._complain(error)
            return None

    async def all(self) -> list[Ban]:
        meanwhile = await self._meanwhile.all()
        try:
            known = await self._all()
        except TemporaryFailure as error:
            self._complain(error)
            return meanwhile
        only_here = {ban.address for ban in meanwhile}
        return [ban for ban in known if ban.address not in only_here] + meanwhile

    async def remove(self, address: str) -> bool:
        was_here = await self._meanwhile.remove(address)
        try:
            return await self._remove(address) or was_here
        except TemporaryFailure as error:
            self._complain(error)
            return was_here

    async def remove_all(self) -> bool:
        was_here = await self._meanwhile.remove_all()
        try:
            return await self._remove_all() or was_here
        except TemporaryFailure as error:
            self._complain(error)
            return was_here

    def _complain(self, error: TemporaryFailure) -> None:
        self._complaints.error(self._complaint, error)
