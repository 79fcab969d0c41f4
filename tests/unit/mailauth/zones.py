"""A DNS that answers from a table: name → records, each a mapping of one type to its data, or `TIMEOUT`."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from compostela.mailauth.dns import DnsFailure

Zone = Mapping[str, Sequence[Any]]
TIMEOUT = "TIMEOUT"
MAX_ALIASES = 8


class ZoneDns:
    """The `AuthenticationDns` of a zone; keeps what it was asked."""

    def __init__(self, zone: Zone) -> None:
        self._zone = {name.lower(): records for name, records in zone.items()}
        self.questions: list[tuple[str, str]] = []

    async def txt(self, name: str) -> list[str]:
        return ["".join([found] if isinstance(found, str) else found) for found in self._look_up(name, "TXT")]

    async def ipv4(self, name: str) -> list[str]:
        return list(self._look_up(name, "A"))

    async def ipv6(self, name: str) -> list[str]:
        return list(self._look_up(name, "AAAA"))

    async def exchangers(self, name: str) -> list[str]:
        return [host.removesuffix(".") for _, host in sorted(self._look_up(name, "MX"))]

    async def names(self, address: str) -> list[str]:
        return [name.removesuffix(".") for name in self._look_up(ip_address(address).reverse_pointer, "PTR")]

    def _look_up(self, name: str, kind: str) -> Iterator[Any]:
        self.questions.append((name.lower(), kind))
        for _ in range(MAX_ALIASES):
            found, alias = self._of(name, kind)
            if found or alias is None:
                return iter(found)
            name = alias.removesuffix(".")
        raise DnsFailure("a loop of aliases")

    def _of(self, name: str, kind: str) -> tuple[list[Any], str | None]:
        found: list[Any] = []
        alias: str | None = None
        for record in self._zone.get(name.lower(), ()):
            if record == TIMEOUT:
                if not found:
                    raise DnsFailure("no answer in time")
                continue
            for type_, data in record.items():
                if data == TIMEOUT and type_ == kind:
                    raise DnsFailure("no answer in time")
                if type_ == kind:
                    found.append(data)
                elif type_ == "CNAME":
                    alias = data
        return found, alias
