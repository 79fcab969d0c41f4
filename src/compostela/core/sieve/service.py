"""What clients, administrators and the command line do with scripts: names and texts are checked before they are stored."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from compostela.base.errors import NotFound
from compostela.core.sieve.model import (
    InvalidScript,
    ScriptEntry,
    ScriptName,
    ScriptProblem,
    StoredScript,
    parse_script_name,
)
from compostela.core.sieve.ports import SieveScripts
from compostela.model.username import Username

__all__ = ["CheckedScript", "InvalidScript", "ScriptChecker", "SieveService"]


@dataclass(frozen=True, slots=True)
class CheckedScript:
    """What the engine makes of a valid text."""

    tree: bytes
    warnings: tuple[ScriptProblem, ...]


ScriptChecker = Callable[[bytes], CheckedScript]
"""The engine: raises `InvalidScript`. It takes milliseconds of CPU and is called on a thread."""


class SieveService:
    """The scripts of all users. Names come as clients send them: an invalid one raises `InvalidArgument`. Otherwise the
    methods raise what the port of the same name raises."""

    def __init__(self, store: SieveScripts, check: ScriptChecker) -> None:
        self._store = store
        self._check = check

    async def check(self, text: bytes) -> tuple[ScriptProblem, ...]:
        """The warnings of a valid script (CHECKSCRIPT). Raises `InvalidScript`."""
        return (await asyncio.to_thread(self._check, text)).warnings

    async def put(self, user: Username, name: str, text: bytes, *, activate: bool = False) -> tuple[ScriptProblem, ...]:
        """Stores a valid script and returns its warnings. Raises `InvalidScript`, `ScriptSpaceExceeded` and
        `TooManyScripts`; then nothing has changed."""
        parsed = parse_script_name(name)
        await self._store.check_space(user, parsed, len(text))
        checked = await asyncio.to_thread(self._check, text)
        await self._store.put(user, StoredScript(parsed, text, checked.tree), activate=activate)
        return checked.warnings

    async def check_space(self, user: Username, name: str, size: int) -> None:
        """HAVESPACE: raises `ScriptSpaceExceeded` or `TooManyScripts`."""
        await self._store.check_space(user, parse_script_name(name), size)

    async def scripts(self, user: Username) -> list[ScriptEntry]:
        return await self._store.scripts(user)

    async def text(self, user: Username, name: str) -> bytes:
        """Raises `NotFound`."""
        script = await self._store.script(user, parse_script_name(name))
        if script is None:
            raise NotFound(f"{user} has no script {name!r}")
        return script.text

    async def delete(self, user: Username, name: str) -> None:
        """Raises `NotFound` and `ScriptIsActive`."""
        await self._store.delete(user, parse_script_name(name))

    async def rename(self, user: Username, name: str, new: str) -> None:
        """Raises `NotFound` and `AlreadyExists`."""
        await self._store.rename(user, parse_script_name(name), parse_script_name(new))

    async def activate(self, user: Username, name: str | None) -> None:
        """No script is active after `None`. Raises `NotFound`."""
        parsed: ScriptName | None = None if name is None else parse_script_name(name)
        await self._store.activate(user, parsed)

    async def quota(self, user: Username | None) -> int | None:
        """In octets, of this user or the default (None); None if not set."""
        return await self._store.quota(user)

    async def set_quota(self, user: Username | None, size: int | None) -> None:
        await self._store.set_quota(user, size)
