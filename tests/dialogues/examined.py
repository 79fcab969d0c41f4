"""A running server, a name server, and what is found out about the two."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from compostela.adapters.dns.authentication import ResolverDns
from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.app.configuration.folder import Configuration, load
from compostela.base.clock import SystemClock
from compostela.base.settings import Problems
from compostela.core.dns.settings import DnsSettings
from compostela.doctor.diagnosis import diagnose
from compostela.doctor.dns.records import publications
from compostela.doctor.examination import subject_of
from compostela.doctor.model import Account, Finding, Severity
from compostela.doctor.subject import Subject
from compostela.testing.name_server import NameServer, name_server
from compostela.testing.server import Server, running

ADDRESS = "127.0.0.25"
"""On loopback, so that no attempt leaves the machine; no server listens there."""
REVERSE = "25.0.0.127.in-addr.arpa"
BLOCK_LIST = "bl.example"


class Examined:
    """`zone` may be changed before each examination; at first it is what `compostela dns` prints, and a PTR record."""

    def __init__(self, subject: Subject, names: NameServer, server: Server | None = None) -> None:
        self.subject = subject
        self.names = names
        self.server = server
        for publication in publications(subject):
            for record in publication.records:
                self.names.zone.setdefault(record.name, {}).setdefault(record.type, []).append(record.presentation)  # type: ignore[attr-defined,union-attr]
        self.names.zone[REVERSE] = {"PTR": [f"{subject.host}."]}

    async def findings(self, *only: str, account: Account | None = None) -> list[Finding]:
        settings = DnsSettings(servers=(self.names.address,), use_system=False)
        resolver = DnspythonResolver(settings)
        return await diagnose(self.subject, resolver, ResolverDns(resolver), SystemClock(), account=account, only=only)

    async def complaints(self, *only: str) -> list[Finding]:
        return [one for one in await self.findings(*only) if one.severity > Severity.INFO]


def adapted(configuration: Configuration, domains: Sequence[str], ports: dict[str, list[int]]) -> Subject:
    subject = subject_of(configuration.examined, domains, ports)
    settings = replace(subject.settings, addresses=(ADDRESS,), block_lists=(BLOCK_LIST,))
    return replace(subject, settings=settings)


@contextlib.asynccontextmanager
async def examined(folder: Path, **options: object) -> AsyncIterator[Examined]:
    async with name_server({}) as names, running(folder, **options) as server:  # type: ignore[arg-type]
        configuration = load(folder / "conf", folder / "data", Problems())
        ports = {listener.settings.name: listener.ports for listener in server.under_test.listeners}
        yield Examined(adapted(configuration, ["example.org"], ports), names, server)
