"""Where Sieve scripts and the memory of their runs live."""

from collections.abc import Sequence
from typing import Protocol

from compostela.core.sieve.model import MAX_SCRIPTS, ScriptEntry, ScriptName, StoredScript
from compostela.model.username import Username


class SieveScripts(Protocol):
    """The scripts of users: several names, at most one of them active, and a quota in octets.

    Each change is one atomic step and durable when it returns. A read sees every change that returned before it began, from
    any process or node. All methods raise `TemporaryFailure`; writes also `StorageFull`.

    Embedded: a row for each script, one transaction for each change; an index holds the active one. Distributed: a partition for
    each user with scripts, name of the active one and quota; a change is one conditional batch on it."""

    async def scripts(self, user: Username) -> list[ScriptEntry]:
        """In the order of names; empty for an unknown user."""
        ...

    async def script(self, user: Username, name: ScriptName) -> StoredScript | None: ...

    async def active(self, user: Username) -> StoredScript | None:
        """One indexed read: it happens for each delivery."""
        ...

    async def put(
        self, user: Username, script: StoredScript, *, activate: bool = False, most: int = MAX_SCRIPTS
    ) -> None:
        """Adds the script or replaces the one of this name, which stays active if it was. Raises `ScriptSpaceExceeded`, and
        `TooManyScripts` if the user would have more than `most`; then nothing has changed."""
        ...

    async def check_space(self, user: Username, name: ScriptName, size: int, *, most: int = MAX_SCRIPTS) -> None:
        """Raises what `put` of a text of `size` octets would raise for the quota now. Promises nothing for later."""
        ...

    async def delete(self, user: Username, name: ScriptName) -> None:
        """Raises `NotFound`, and `ScriptIsActive`."""
        ...

    async def rename(self, user: Username, name: ScriptName, new: ScriptName) -> None:
        """An active script stays active. Raises `NotFound`, and `AlreadyExists` if `new` is taken (also by itself)."""
        ...

    async def activate(self, user: Username, name: ScriptName | None) -> None:
        """Makes this the only active script; None leaves no script active. Raises `NotFound`."""
        ...

    async def quota(self, user: Username | None) -> int | None:
        """The octets set for this user, or for all users (None); None if not set. The user's own quota counts before the
        default; without both only the number of scripts is limited."""
        ...

    async def set_quota(self, user: Username | None, size: int | None) -> None:
        """Removes it with None. Scripts that are there already stay, also beyond the quota."""
        ...

    async def forget(self, user: Username) -> None:
        """Removes all scripts, lists, marks and the quota of a user that is deleted. May be repeated."""
        ...


class GlobalScripts(Protocol):
    """The scripts that every user's script may include (`include :global`, RFC 6609 §3.2). An administrator keeps them. Changes are
    atomic and durable, reads see them at once, as with `SieveScripts`.

    Embedded: rows of the table of scripts without a user. Distributed: one partition."""

    async def scripts(self) -> list[ScriptEntry]:
        """In the order of names; none is active."""
        ...

    async def script(self, name: ScriptName) -> StoredScript | None: ...

    async def put(self, script: StoredScript) -> None:
        """Adds the script or replaces the one of this name. Raises `TooManyScripts` beyond `MAX_GLOBAL_SCRIPTS`."""
        ...

    async def delete(self, name: ScriptName) -> None:
        """Raises `NotFound`."""
        ...


class SieveLists(Protocol):
    """External lists (RFC 6134), of a user or of all users (None). A user's own list hides the one of all users with the same
    name. Names and members are normal: see `compostela.core.sieve.lists`.

    Embedded: a row for each member. Distributed: a partition for each list."""

    async def names(self, user: Username | None) -> list[str]:
        """The lists of this owner alone, in the order of names."""
        ...

    async def members(self, user: Username | None, name: str) -> list[str] | None:
        """Of this owner's list, in the order of the texts; None if there is no such list."""
        ...

    async def seen_by(self, user: Username, name: str) -> Username | None:
        """The owner of the list that the user's scripts see: the user or None. Raises `NotFound`."""
        ...

    async def contains(self, user: Username | None, name: str, member: str) -> bool:
        """Whether this owner's list has the member; one indexed read. False for an unknown list."""
        ...

    async def put(self, user: Username | None, name: str, members: Sequence[str]) -> None:
        """Adds the list or replaces all its members. Raises `TooManyLists`. Durable when it returns."""
        ...

    async def delete(self, user: Username | None, name: str) -> None:
        """Raises `NotFound`."""
        ...


class SieveMarks(Protocol):
    """What happened to a user's mail before: senders that got an answer (RFC 5230 §4.2, RFC 3834 §2), and messages that
    `duplicate` has seen (RFC 7352). A mark is a key with its time limit and the run that set it, so that a run that is
    repeated after a crash finds the marks of its first try to be its own.

    Embedded: a row for each mark, looked at and written in one transaction; new marks remove old ones. Distributed: a row written
    with a condition on its absence or its run, which expires by itself."""

    async def is_marked(self, user: Username, key: bytes, by: str, now: float) -> bool:
        """Whether another run than `by` set the key and its time is not over at `now` (epoch seconds)."""
        ...

    async def mark(self, user: Username, key: bytes, by: str, now: float, until: float) -> bool:
        """Sets the key for `by` up to `until` and returns True, or returns False if another run holds it. Of two runs at
        once one wins. Repeated by the same run it returns True again. Durable when it returns."""
        ...

    async def clear(self, user: Username, prefix: bytes) -> None:
        """Removes the marks whose keys begin with `prefix`, as when a new vacation begins."""
        ...
