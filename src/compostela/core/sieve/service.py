"""What clients, administrators and the command line do with scripts: names and texts are checked before they are stored."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compostela.base.errors import NotFound
from compostela.core.sieve.lists import ADDRESS_BOOK, parse_list_name, parse_members
from compostela.core.sieve.model import (
    MAX_SCRIPTS,
    InvalidScript,
    ScriptEntry,
    ScriptName,
    ScriptProblem,
    StoredScript,
    parse_script_name,
)
from compostela.core.sieve.ports import GlobalScripts, SieveLists, SieveScripts
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

    def __init__(
        self,
        store: SieveScripts,
        check: ScriptChecker,
        global_scripts: GlobalScripts,
        lists: SieveLists,
        *,
        most: int = MAX_SCRIPTS,
    ) -> None:
        """A user may have at most `most` scripts."""
        self._store = store
        self._check = check
        self._global = global_scripts
        self._lists = lists
        self._most = most

    async def check(self, text: bytes) -> tuple[ScriptProblem, ...]:
        """The warnings of a valid script (CHECKSCRIPT). Raises `InvalidScript`."""
        return (await asyncio.to_thread(self._check, text)).warnings

    async def put(self, user: Username, name: str, text: bytes, *, activate: bool = False) -> tuple[ScriptProblem, ...]:
        """Stores a valid script and returns its warnings. Raises `InvalidScript`, `ScriptSpaceExceeded` and
        `TooManyScripts`; then nothing has changed."""
        parsed = parse_script_name(name)
        await self._store.check_space(user, parsed, len(text), most=self._most)
        checked = await asyncio.to_thread(self._check, text)
        await self._store.put(user, StoredScript(parsed, text, checked.tree), activate=activate, most=self._most)
        return checked.warnings

    async def check_space(self, user: Username, name: str, size: int) -> None:
        """HAVESPACE: raises `ScriptSpaceExceeded` or `TooManyScripts`."""
        await self._store.check_space(user, parse_script_name(name), size, most=self._most)

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

    # scripts that every user may include

    async def global_scripts(self) -> list[ScriptEntry]:
        return await self._global.scripts()

    async def put_global(self, name: str, text: bytes) -> tuple[ScriptProblem, ...]:
        """Stores a valid script for `include :global` and returns its warnings. Raises `InvalidScript` and `TooManyScripts`."""
        parsed = parse_script_name(name)
        checked = await asyncio.to_thread(self._check, text)
        await self._global.put(StoredScript(parsed, text, checked.tree))
        return checked.warnings

    async def global_text(self, name: str) -> bytes:
        """Raises `NotFound`."""
        script = await self._global.script(parse_script_name(name))
        if script is None:
            raise NotFound(f"there is no global script {name!r}")
        return script.text

    async def delete_global(self, name: str) -> None:
        """Scripts that include it fail from then on, unless they do so with `:optional`. Raises `NotFound`."""
        await self._global.delete(parse_script_name(name))

    # external lists, of a user or of all users (None)

    async def lists(self, owner: Username | None) -> list[str]:
        """The names. Every user has an address book, if only an empty one."""
        names = await self._lists.names(owner)
        return names if owner is None or ADDRESS_BOOK in names else sorted([ADDRESS_BOOK, *names])

    async def members(self, owner: Username | None, name: str) -> list[str]:
        """Raises `NotFound`."""
        parsed = parse_list_name(name)
        members = await self._lists.members(owner, parsed)
        if members is None and (owner is None or parsed != ADDRESS_BOOK):
            raise NotFound(f"there is no list {name!r}")
        return members or []

    async def put_list(self, owner: Username | None, name: str, members: Iterable[str]) -> None:
        """Replaces the members. Raises `TooManyLists`."""
        await self._lists.put(owner, parse_list_name(name), parse_members(members))

    async def delete_list(self, owner: Username | None, name: str) -> None:
        """Raises `NotFound`."""
        await self._lists.delete(owner, parse_list_name(name))
