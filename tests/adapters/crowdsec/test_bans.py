"""CrowdSec's decisions: the contract, and how long an answer is good for."""

from collections.abc import AsyncIterator

import pytest

from compostela.adapters.crowdsec.bans import CrowdsecBans
from compostela.base.clock import SystemClock
from compostela.core.filtering.settings import CrowdsecSettings
from compostela.testing.clock import FakeClock
from tests.contracts.filtering import BANNED, BanListContract
from tests.filter_servers import local_api

BAN, NOTHING = b'[{"type":"captcha","value":"x"},{"type":"ban","value":"192.0.2.0/24"}]', b"null"


class TestCrowdsec(BanListContract):
    @pytest.fixture
    async def bans(self) -> AsyncIterator[CrowdsecBans]:
        async with local_api(lambda request: BAN if f"={BANNED} " in request else NOTHING) as api:
            bans = CrowdsecBans(CrowdsecSettings(api.url, "key", timeout_seconds=60.0), SystemClock())
            yield bans
            await bans.close()

    @pytest.fixture
    async def silent_bans(self) -> AsyncIterator[CrowdsecBans]:
        async with local_api(None) as api:
            bans = CrowdsecBans(CrowdsecSettings(api.url, "key", timeout_seconds=0.05), SystemClock())
            yield bans
            await bans.close()


async def test_answers_are_asked_for_again_after_their_time() -> None:
    clock = FakeClock()
    async with local_api(NOTHING) as api:
        bans = CrowdsecBans(CrowdsecSettings(api.url, "key", timeout_seconds=60.0, cache_seconds=30.0), clock)
        assert not await bans.bans("192.0.2.1")
        api.answer = BAN
        assert not await bans.bans("192.0.2.1")
        assert await bans.bans("2001:db8::1")
        clock.advance(30)
        assert await bans.bans("192.0.2.1")
        await bans.close()
    assert len(api.requests) == 3
    assert "ip=2001" in api.requests[1]


async def test_after_a_failure_the_api_is_left_alone_for_a_while() -> None:
    clock = FakeClock()
    async with local_api(b"", "500 Internal Server Error") as api:
        bans = CrowdsecBans(CrowdsecSettings(api.url, "key", timeout_seconds=60.0), clock)
        assert not await bans.bans("192.0.2.1")
        api.answer, api.status = BAN, "200 OK"
        assert not await bans.bans("192.0.2.1")
        assert len(api.requests) == 1
        clock.advance(5)
        assert await bans.bans("192.0.2.1")
        await bans.close()
