"""Following the mappings of an address to where its mail goes (James's rules)."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Protocol

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress

_TEMPLATE = re.compile(r"\$\{(\d+)\}")
TOO_MANY = "554 Too many mappings to process"
ONLY_REPORTS = "This address takes only reports on mail that was passed on, from the null sender"
MAX_STEPS = 50_000
"""Targets looked at for one address: mappings that fan out and loop would grow by powers."""
STEPS_AT_ONCE = 500
"""After so many steps others get their turn."""


class MappingError(CompostelaError):
    """The address has an error mapping, or its mappings loop. The text may be shown to the sender."""


@dataclass(slots=True)
class Resolution:
    """Where mail for an address goes. `targets` take the recipient's place; `forwards` get a copy in the recipient's name
    (an address that forwards to itself is one of the targets). Both empty: the address has no mapping. With `is_return` the only
    forward is the sender of a mail that was passed on: reports come back to it as they are."""

    targets: list[MailAddress] = field(default_factory=list)
    forwards: list[MailAddress] = field(default_factory=list)
    is_return: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.targets or self.forwards)

    def takes(self, sender: MailAddress | None) -> bool:
        """Whether mail of this sender may go there. Reports have the null sender (RFC 3464 §2, RFC 8098 §3); other mail to a rewritten
        sender would use this server as a relay to an address that never asked it for anything."""
        return sender is None or not self.is_return


class MappingReader(Protocol):
    """What is needed of the rewrite table."""

    async def mappings(self, source: MappingSource) -> list[Mapping]: ...


class Resolver:
    """Resolves through a table, to a bounded depth."""

    def __init__(self, table: MappingReader, recursive: bool, limit: int) -> None:
        self._table = table
        self._recursive = recursive
        self._limit = limit

    async def resolve(self, address: MailAddress) -> Resolution:
        """Raises `MappingError`."""
        leaves = await _Walk(self._table, self._recursive).follow(address, self._limit)
        targets = dict.fromkeys(leaf for leaf, is_forward in leaves if not is_forward)
        forwards = dict.fromkeys(leaf for leaf, is_forward in leaves if is_forward)
        return Resolution(list(targets), list(forwards))


class _Walk:
    """One resolution: reads each source once and counts its steps."""

    def __init__(self, table: MappingReader, recursive: bool) -> None:
        self._table = table
        self._recursive = recursive
        self._read: dict[MappingSource, list[Mapping]] = {}
        self._steps = 0

    async def follow(self, address: MailAddress, limit: int) -> list[tuple[MailAddress, bool]]:
        """(target, by way of a forward). Empty: the address stays itself."""
        await self._count_step()
        mappings = await self._mappings(address)
        if not mappings:
            return []
        if limit == 0:
            raise MappingError(TOO_MANY)
        found: list[tuple[MailAddress, bool]] = []
        for mapping in mappings:
            target = _target(mapping, address)
            if target is None:
                continue
            is_forward = mapping.type is MappingType.FORWARD
            if target == address:
                if not is_forward:
                    return []
                found.append((target, False))
            else:
                below = await self.follow(target, limit - 1) if self._recursive else []
                if is_forward:
                    found += [(leaf, True) for leaf, _ in below] or [(target, True)]
                else:
                    found += below or [(target, False)]
        return found

    async def _mappings(self, address: MailAddress) -> list[Mapping]:
        own = await self._mappings_of(MappingSource.of_address(address))
        return own or await self._mappings_of(MappingSource.of_domain(address.domain))

    async def _mappings_of(self, source: MappingSource) -> list[Mapping]:
        found = self._read.get(source)
        if found is None:
            found = self._read[source] = await self._table.mappings(source)
        return found

    async def _count_step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise MappingError(TOO_MANY)
        if self._steps % STEPS_AT_ONCE == 0:
            await asyncio.sleep(0)


def _target(mapping: Mapping, address: MailAddress) -> MailAddress | None:
    """None when a regular expression does not match. Raises `MappingError` for an error mapping."""
    match mapping.type:
        case MappingType.ERROR:
            raise MappingError(mapping.text)
        case MappingType.DOMAIN | MappingType.DOMAIN_ALIAS:
            return MailAddress(address.local_part, Domain(mapping.text))
        case MappingType.REGEX:
            return _rewritten(mapping.text, address)
        case _:
            return MailAddress.parse(mapping.text, address.domain)


def _rewritten(text: str, address: MailAddress) -> MailAddress | None:
    pattern, _, template = text.rpartition(":")
    try:
        match = re.fullmatch(pattern, str(address), re.IGNORECASE)
        if match is None:
            return None
        return MailAddress.parse(_TEMPLATE.sub(lambda one: match.group(int(one[1])) or "", template), address.domain)
    except (re.error, IndexError, InvalidArgument) as error:
        raise MappingError(f"554 The mapping of {address} is wrong") from error
