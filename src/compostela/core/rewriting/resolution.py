"""Following the mappings of an address to where its mail goes (James's rules)."""

import re
from dataclasses import dataclass, field

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.ports import RewritingStore
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress

_TEMPLATE = re.compile(r"\$\{(\d+)\}")
TOO_MANY = "554 Too many mappings to process"


class MappingError(CompostelaError):
    """The address has an error mapping, or its mappings loop. The text may be shown to the sender."""


@dataclass(slots=True)
class Resolution:
    """Where mail for an address goes. `targets` take the recipient's place; `forwards` get a copy in the recipient's name
    (an address that forwards to itself stands among the targets). Nothing at all: the address has no mapping."""

    targets: list[MailAddress] = field(default_factory=list)
    forwards: list[MailAddress] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.targets or self.forwards)


class Resolver:
    """Resolves through a store, to a bounded depth."""

    def __init__(self, store: RewritingStore, recursive: bool, limit: int) -> None:
        self._store = store
        self._recursive = recursive
        self._limit = limit

    async def resolve(self, address: MailAddress) -> Resolution:
        """Raises `MappingError`."""
        resolution = Resolution()
        for target, is_forward in await self._follow(address, self._limit):
            chosen = resolution.forwards if is_forward and target != address else resolution.targets
            if target not in chosen:
                chosen.append(target)
        return resolution

    async def _follow(self, address: MailAddress, limit: int) -> list[tuple[MailAddress, bool]]:
        """(target, by way of a forward). Empty: the address stays itself."""
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
                found.append((target, True))
            else:
                below = await self._follow(target, limit - 1) if self._recursive else []
                if is_forward:
                    found += [(leaf, True) for leaf, _ in below] or [(target, True)]
                else:
                    found += below or [(target, False)]
        return found

    async def _mappings(self, address: MailAddress) -> list[Mapping]:
        own = await self._store.mappings(MappingSource.of_address(address))
        return own or await self._store.mappings(MappingSource.of_domain(address.domain))


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
        groups = match.groups(default="")
        return MailAddress.parse(
            _TEMPLATE.sub(lambda number: groups[int(number.group(1)) - 1], template), address.domain
        )
    except (re.error, IndexError, InvalidArgument) as error:
        raise MappingError(f"554 The mapping of {address} is wrong") from error
