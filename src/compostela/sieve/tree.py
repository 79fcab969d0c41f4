"""The validated tree of a script: what is stored and what the compiler reads.

The form is versioned. A reader that meets another version, or octets that are no tree, validates the script's text again.
"""

import msgspec

VERSION = 1
"""Higher than before whenever a signature or the form of a call changes: a test compares a fingerprint of all signatures."""

Value = bool | int | str | list[str]


class Call(msgspec.Struct, array_like=True, frozen=True):
    """A command or a test whose arguments fit its signature. `arguments` has a value for each argument that is written:
    True for a plain tag, the tag's name under its group's name for exclusive tags (`match`: `contains`)."""

    name: str
    line: int
    column: int
    arguments: dict[str, Value] = {}
    tests: tuple["Call", ...] = ()
    block: tuple["Call", ...] = ()

    def flag(self, name: str) -> bool:
        return self.arguments.get(name) is True

    def number(self, name: str) -> int | None:
        value = self.arguments.get(name)
        return value if isinstance(value, int) else None

    def text(self, name: str) -> str | None:
        value = self.arguments.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A single string counts as a list of one."""
        value = self.arguments.get(name)
        if isinstance(value, str):
            return (value,)
        return tuple(value) if isinstance(value, list) else None


class Script(msgspec.Struct, array_like=True, frozen=True):
    """A whole script. `capabilities` are those in force, sorted."""

    version: int
    capabilities: tuple[str, ...]
    commands: tuple[Call, ...]

    def dumps(self) -> bytes:
        return _encode(self)

    @classmethod
    def loads(cls, data: bytes) -> "Script | None":
        """None for another version, or for octets that are no tree."""
        try:
            loaded = _decode(data)
        except msgspec.DecodeError:
            return None
        return loaded if loaded.version == VERSION else None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Script).decode
