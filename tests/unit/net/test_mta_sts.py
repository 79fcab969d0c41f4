"""Outbound MTA-STS (RFC 8461): policies are fetched, kept, and kept to; TLS-RPT (RFC 8460) tells how it went."""

import base64
import email
import email.policy
import gzip
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app import first_start
from compostela.core.dns.settings import DnsSettings
from compostela.core.mail.attributes import REQUIRE_TLS
from compostela.core.outbound.ports import SendResult
from compostela.core.outbound.sts_policies import RETRY_SECONDS, StsPolicies
from compostela.core.outbound.tls import TlsFailureType, TlsSession
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.core.outbound.tls_report_task import SendTlsReports, SendTlsReportsTask
from compostela.core.outbound.tls_reports import DAY_SECONDS, TlsResults
from compostela.core.queue.model import SPOOL
from compostela.core.tasks.model import TaskState
from compostela.core.tasks.runner import TaskContext
from compostela.core.tracing.tracer import accepted_name
from compostela.model.domain import Domain
from compostela.processing.remote_delivery.deliverer import Deliverer
from compostela.processing.remote_delivery.next_hops import Hop
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from compostela.testing.mails import a_mail, address
from compostela.testing.name_server import NameServer, name_server
from compostela.testing.pipeline import server_context
from tests.contracts.next_hop import EVERY_FEATURE, HOST, Peer
from tests.unit.net.dane import settings, tried

SHOP = Domain("shop.example")
MX = "mx.shop.example"
TLS = (*EVERY_FEATURE, "STARTTLS")


@dataclass
class Web:
    """The web servers of all domains: host -> policy."""

    policies: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, host: str, path: str) -> str:
        assert path == "/.well-known/mta-sts.txt"
        self.asked.append(host)
        if host not in self.policies:
            raise OSError("the answer is 404")
        return self.policies[host]


def policy(mode: str = "enforce", mx: str = MX, max_age: int = 100_000) -> str:
    return f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: {max_age}\n"


@dataclass
class World:
    """A server's view: DNS, the web, its store and its clock."""

    names: NameServer
    dns: DnspythonResolver
    web: Web
    store: EmbeddedStore
    clock: FakeClock

    def policies(self) -> StsPolicies:
        """As a process has them that was just started."""
        dns = DnspythonResolver(DnsSettings(servers=(self.names.address,), use_system=False))
        return StsPolicies(dns, self.web.fetch, self.store.outbound.sts_policies, self.clock)

    def publish(self, text: str, record: str = "1") -> None:
        self.web.policies["mta-sts.shop.example"] = text
        self.names.zone["_mta-sts.shop.example"] = {"TXT": [f'"v=STSv1; id={record};"']}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    store = await open_store(tmp_path / "data", clock)
    zone = {"_smtp._tls.shop.example": {"TXT": ['"v=TLSRPTv1; rua=mailto:tls@shop.example"']}}
    async with name_server(zone) as names:
        dns = DnspythonResolver(DnsSettings(servers=(names.address,), use_system=False))
        yield World(names, dns, Web(), store, clock)
    await store.close()


async def sent(world: World, peer: Peer, host: str = MX) -> tuple[SendResult, TlsSession]:
    result, sessions = await tried(peer, TlsPolicies(sts=world.policies()), SHOP.name, host)
    assert sessions[0] is not None
    return result, sessions[0]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for the exchanger that the system trusts."""
    first_start.make_certificate(tmp_path, MX)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls/certificate.pem", tmp_path / "tls/key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls/certificate.pem"))
    return context


async def test_an_enforced_policy_lets_no_mail_go_to_others(world: World, tls: ssl.SSLContext) -> None:
    world.publish(policy(mx="*.shop.example"))
    world.names.zone["x.example"] = {"A": ["192.0.2.1"]}
    async with Peer(features=TLS, tls=tls).running() as peer:
        result, session = await sent(world, peer)
        assert (len(result.delivered), session.failure) == (1, None)
        for host, failure in (
            ("other.shop.example", TlsFailureType.CERTIFICATE_HOST_MISMATCH),
            ("evil.example", TlsFailureType.VALIDATION_FAILURE),
        ):
            result, session = await sent(world, peer, host)
            assert result.delivered == []
            assert next(iter(result.refused.values())).code == 0
            assert session.failure is not None
            assert session.failure.type is failure
    async with Peer().running() as clear:
        result, session = await sent(world, clear)
        assert result.delivered == []
        assert session.failure is not None
        assert session.failure.type is TlsFailureType.STARTTLS_NOT_SUPPORTED


async def test_a_tested_policy_is_reported_and_the_mail_goes(world: World, tls: ssl.SSLContext) -> None:
    world.publish(policy("testing"))
    for peer, host, failure in (
        (Peer(features=TLS, tls=tls), "other.shop.example", TlsFailureType.VALIDATION_FAILURE),
        (Peer(features=TLS, tls=tls), MX, None),
        (Peer(), MX, TlsFailureType.STARTTLS_NOT_SUPPORTED),
    ):
        async with peer.running():
            result, session = await sent(world, peer, host)
        assert len(result.delivered) == 1
        assert (session.failure and session.failure.type) == failure


@dataclass
class OneHop:
    """One exchanger for every domain."""

    hop: Hop

    async def find(self, domain: Domain) -> list[Hop]:
        return [self.hop]


async def test_a_trace_tells_of_tls_also_if_a_tested_policy_is_not_met(
    world: World, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    world.publish(policy("testing"))
    (tmp_path / "server").mkdir()
    async with server_context(tmp_path / "server") as own, Peer(features=TLS, tls=tls).running() as peer:
        context = replace(own, tls_policies=TlsPolicies(sts=world.policies()))
        hop = Hop(HOST, peer.port, "other.shop.example")
        queue = context.queues.queue("outgoing")
        await queue.enqueue(a_mail(recipients=("x@shop.example",)))
        await Deliverer(settings(), context, OneHop(hop)).deliver(await queue.dequeue())
        await context.sender.close()
        (event,) = await context.tracer.read("mail1")
        assert (event.what, event.detail) == ("end", ("sent with TLS",))


async def test_a_policy_outlives_a_restart_and_the_loss_of_its_record(world: World) -> None:
    world.publish(policy())
    found = await world.policies().find(SHOP, MX)
    assert found is not None
    assert found.is_mandatory
    world.web.policies.clear()
    del world.names.zone["_mta-sts.shop.example"]
    again = await world.policies().find(SHOP, MX)
    assert again == found
    world.clock.advance(100_001)
    assert await world.policies().find(SHOP, MX) is None


async def test_a_new_id_brings_the_new_policy_and_an_old_one_nothing(world: World) -> None:
    world.publish(policy())
    policies = world.policies()
    for _ in range(3):
        assert await policies.find(SHOP, MX) is not None
    assert len(world.web.asked) == 1
    world.publish(policy("none"), "2")
    assert await world.policies().find(SHOP, MX) is None
    assert len(world.web.asked) == 2


async def test_a_policy_that_cannot_be_fetched_is_reported_and_not_asked_for_all_the_time(world: World) -> None:
    world.names.zone["_mta-sts.shop.example"] = {"TXT": ['"v=STSv1; id=1"']}
    policies = world.policies()
    for text, failure in (
        (None, TlsFailureType.STS_POLICY_FETCH_ERROR),
        ("nonsense", TlsFailureType.STS_POLICY_INVALID),
    ):
        if text is not None:
            world.web.policies["mta-sts.shop.example"] = text
        world.web.asked.clear()
        for _ in range(3):
            found = await policies.find(SHOP, MX)
            assert found is not None
            assert found.failure is not None
            assert (found.failure.type, found.is_testing) == (failure, True)
        assert len(world.web.asked) == 1
        world.clock.advance(RETRY_SECONDS)


async def test_a_report_of_the_day_goes_to_the_domain_that_asks_for_it(world: World, tls: ssl.SSLContext) -> None:
    world.publish(policy("testing"))
    results = TlsResults(world.store.outbound.tls_results, world.dns, world.clock)
    day = int(world.clock.now() // DAY_SECONDS)
    async with Peer(features=TLS, tls=tls).running() as peer:
        for host in (MX, MX, "other.shop.example"):
            _, session = await sent(world, peer, host)
            results.note(SHOP, session)
            results.note(Domain("unasked.example"), session)
    await results.flush()
    assert list(await world.store.outbound.tls_results.domains(day)) == [SHOP]
    posted: list[str] = []

    class Poster:
        async def post(self, url: str, media_type: str, octets: bytes) -> None:
            posted.append(url)

    postmaster = address("postmaster@own.example")
    task = SendTlsReportsTask(
        world.store.outbound.tls_results, world.dns, world.store.queues, Poster(), "mail.own.example", postmaster
    )

    async def run() -> dict[str, object]:
        context = TaskContext(uuid.uuid4(), TaskState(None, {}, 0.0), world.clock.now, lambda _: None)
        await task.run(SendTlsReports(), context)
        return dict(context.state.information)

    assert await run() == {}
    world.clock.advance(DAY_SECONDS + 3600)
    assert await run() == {"days": 7, "sentReportCount": 1, "failedReportCount": 0}
    item = await world.store.queues.queue(SPOOL).dequeue()
    assert item.mail.recipients == [address("tls@shop.example")]
    # a trace of it does not have other reports in it
    assert accepted_name(item.mail.name) == item.mail.name
    assert item.mail.attributes[REQUIRE_TLS] is False
    message = email.message_from_bytes(await item.mail.content.read(), policy=email.policy.default)
    assert message["TLS-Report-Domain"] == "shop.example"
    assert message["TLS-Report-Submitter"] == "mail.own.example"
    assert message.get_content_type() == "multipart/report"
    attached = list(message.walk())[-1]
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    document = json.loads(gzip.decompress(base64.b64decode(attached.get_payload())))
    assert document["report-id"] in message["Subject"]
    (told,) = document["policies"]
    assert told["policy"] == {
        "policy-type": "sts",
        "policy-domain": "shop.example",
        "policy-string": policy("testing").splitlines(),
        "mx-host": [MX],
    }
    assert told["summary"] == {"total-successful-session-count": 2, "total-failure-session-count": 1}
    (failure,) = told["failure-details"]
    assert (failure["result-type"], failure["receiving-mx-hostname"]) == ("validation-failure", "other.shop.example")
    await item.done()
    assert await run() == {}
    # a report over HTTPS
    results.note(SHOP, session)
    await results.flush()
    world.names.zone["_smtp._tls.shop.example"] = {"TXT": ['"v=TLSRPTv1;rua=https://shop.example/tls"']}
    task = SendTlsReportsTask(
        world.store.outbound.tls_results,
        DnspythonResolver(DnsSettings(servers=(world.names.address,), use_system=False)),
        world.store.queues,
        Poster(),
        "mail.own.example",
        postmaster,
    )
    world.clock.advance(DAY_SECONDS)
    assert (await run())["sentReportCount"] == 1
    assert posted == ["https://shop.example/tls"]
