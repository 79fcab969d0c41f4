"""A header block as tests look at it: decoded values by name, addresses, and the memory of what was asked before."""

from collections.abc import Iterable

from compostela.mime import addresses
from compostela.mime.addresses import Address
from compostela.mime.headers import fields, unfold
from compostela.sieve.decoding import field_text
from compostela.sieve.matching import NO_VALUES, Values

MAX_FIELDS = 5_000
"""Of one header block; later ones are not looked at."""

MAX_REMEMBERED = 4_000_000
"""Characters of values that a view remembers; beyond that it begins anew."""

Names = tuple[bytes, ...]
"""Field names in lower case."""


class HeaderView:
    """Read-only: an edit makes a new view."""

    __slots__ = ("_addresses", "_by_name", "_memory", "_remembered", "_values", "block")

    def __init__(self, block: bytes) -> None:
        self.block = block
        self._by_name: dict[bytes, list[bytes]] | None = None
        self._values: dict[Names, Values] = {}
        self._addresses: dict[bytes, list[list[Address]]] = {}
        self._memory: dict[object, Values] = {}
        self._remembered = 0

    def raw(self, name: bytes) -> list[bytes]:
        """The raw values of all fields of this name, in order."""
        return self._fields().get(name, [])

    def names(self) -> Iterable[bytes]:
        """Of all fields, each once, in lower case."""
        return self._fields().keys()

    def _fields(self) -> dict[bytes, list[bytes]]:
        if self._by_name is None:
            found: dict[bytes, list[bytes]] = {}
            for number, field in enumerate(fields(self.block)):
                if number >= MAX_FIELDS:
                    break
                known = field.name.lower()
                if known in found:
                    found[known].append(field.value)
                else:
                    found[known] = [field.value]
            self._by_name = found
        return self._by_name

    def values(self, names: Names) -> Values:
        """Unfolded, stripped and decoded (RFC 5228 §2.4.2.2), in the order of `names` and of the fields."""
        found = self._values.get(names)
        if found is None:
            texts = [field_text(value) for name in names for value in self.raw(name)]
            self._make_room(texts)
            found = self._values[names] = Values(texts) if texts else NO_VALUES
        return found

    def has(self, name: bytes) -> bool:
        return bool(self.raw(name))

    def addresses(self, name: bytes) -> list[list[Address]]:
        """For each field of this name its addresses, without groups and what cannot be read."""
        found = self._addresses.get(name)
        if found is None:
            found = self._addresses[name] = [
                [one for one in addresses.parse(unfold(value)) if one.is_mailbox] for value in self.raw(name)
            ]
        return found

    def remembered(self, key: object) -> Values | None:
        return self._memory.get(key)

    def remember(self, key: object, values: Iterable[str]) -> Values:
        texts = list(values)
        self._make_room(texts)
        found = self._memory[key] = Values(texts)
        return found

    def _make_room(self, texts: list[str]) -> None:
        self._remembered += sum(map(len, texts))
        if self._remembered > MAX_REMEMBERED:
            self._values.clear()
            self._memory.clear()
            self._remembered = 0
