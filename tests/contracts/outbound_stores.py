"""What stores of MTA-STS policies and of TLS results keep to, and posters of reports."""

import asyncio

import pytest
from aiohttp import web

from compostela.core.outbound.sts_ports import StoredStsPolicy, StsPolicyStore
from compostela.core.outbound.tls_report_task import ReportNotPosted, ReportPoster
from compostela.core.outbound.tls_reports import TlsResult, TlsResultStore
from compostela.model.domain import Domain
from compostela.testing.clock import START

ORG, COM = Domain("example.org"), Domain("example.com")
OLD = StoredStsPolicy("1", "version: STSv1\r\n", START, START + 1000)
NEW = StoredStsPolicy("2", "version: STSv1\r\nmode: none\r\n", START + 10, START + 2000)


class StsPolicyStoreContract:
    """A subclass gives `policies`, and the same as another process or node has it: `policies_elsewhere`."""

    ports = (StsPolicyStore,)

    async def test_the_last_policy_counts_until_its_time_is_over(
        self, policies: StsPolicyStore, policies_elsewhere: StsPolicyStore
    ) -> None:
        assert await policies.get(ORG, START) is None
        for policy in (OLD, NEW):
            await policies.put(ORG, policy)
            assert await policies_elsewhere.get(ORG, START + 20) == policy
        assert await policies.get(COM, START) is None
        assert await policies.get(ORG, NEW.until) is None

    async def test_of_two_at_once_one_stays(self, policies: StsPolicyStore, policies_elsewhere: StsPolicyStore) -> None:
        await asyncio.gather(policies.put(ORG, OLD), policies_elsewhere.put(ORG, NEW))
        assert await policies.get(ORG, START) in (OLD, NEW)


FINE = TlsResult("tlsa", "mx.example.org", ("3 1 1 ab",))
BAD = TlsResult(
    "sts", "example.org", ("version: STSv1",), ("mx.example.org",), "certificate-expired", "mx", "192.0.2.1"
)


class TlsResultStoreContract:
    """A subclass gives `results`, and the same as another process or node has it: `results_elsewhere`."""

    ports = (TlsResultStore,)

    async def test_counts_add_up(self, results: TlsResultStore, results_elsewhere: TlsResultStore) -> None:
        assert list(await results.domains(3)) == []
        await asyncio.gather(
            results.add(3, ORG, {FINE: 2, BAD: 1}),
            results_elsewhere.add(3, ORG, {FINE: 5}),
            results.add(3, COM, {FINE: 1}),
        )
        assert dict(await results.results(3, ORG)) == {FINE: 7, BAD: 1}
        assert list(await results_elsewhere.domains(3)) == [COM, ORG]
        assert dict(await results.results(4, ORG)) == {}

    async def test_what_is_removed_is_gone(self, results: TlsResultStore) -> None:
        for day in (3, 4):
            await results.add(day, ORG, {FINE: 1})
        for _ in range(2):
            await results.remove(3, ORG)
        assert list(await results.domains(3)) == []
        assert dict(await results.results(4, ORG)) == {FINE: 1}


class ReportPosterContract:
    """A subclass gives the fixture `reports`."""

    ports = (ReportPoster,)

    @pytest.mark.parametrize(("status", "is_taken"), [(201, True), (302, False), (500, False)])
    async def test_a_report_is_posted(self, reports: ReportPoster, status: int, is_taken: bool) -> None:
        seen: list[tuple[str, bytes]] = []

        async def answer(request: web.Request) -> web.Response:
            seen.append((request.headers["Content-Type"], await request.read()))
            return web.Response(status=status, headers={"Location": "/"})

        application = web.Application()
        application.router.add_post("/", answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            if is_taken:
                await reports.post(url, "application/tlsrpt+gzip", b"\x1f\x8b")
            else:
                with pytest.raises(ReportNotPosted):
                    await reports.post(url, "application/tlsrpt+gzip", b"\x1f\x8b")
        finally:
            await runner.cleanup()
        assert seen == [("application/tlsrpt+gzip", b"\x1f\x8b")]

    async def test_a_server_that_is_away_takes_none(self, reports: ReportPoster) -> None:
        with pytest.raises(ReportNotPosted):
            await reports.post("http://127.0.0.1:1/", "text/plain", b"")
