"""The client of rspamd keeps to the contract with a real rspamd, and takes nothing for a verdict that is none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.rspamd.client import RspamdClient
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.filtering.ports import FilterUnavailable
from tests.contracts.filtering import FACTS, HAM, MailJudgeContract
from tests.filter_servers import local_api
from tests.scanner_daemons import HOST, SPAM, needs_rspamd, rspamd

GOOD = '{"action": "rewrite subject", "score": 7.5, "required_score": 15, "subject": "[spam] é", "symbols": {"CLAM_VIRUS": {}}}'


@needs_rspamd
@pytest.mark.slow
@pytest.mark.timeout(300)
class TestRspamd(MailJudgeContract):
    spam = MessageContent(b"Subject: x\r\n\r\n", MemoryBody(SPAM + b"\r\n"))

    @pytest.fixture
    async def judge(self, tmp_path: Path) -> AsyncIterator[RspamdClient]:
        async with rspamd(tmp_path) as port:
            yield RspamdClient(f"http://{HOST}:{port}", "", 60.0)

    @pytest.fixture
    async def silent_judge(self) -> AsyncIterator[RspamdClient]:
        async with local_api(None) as api:
            yield RspamdClient(api.url, "", 0.1)


async def test_what_is_known_of_the_mail_is_told() -> None:
    async with local_api(GOOD.encode()) as api:
        verdict = await RspamdClient(api.url, "secret", 60).judge(HAM, FACTS)
    assert (verdict.action, verdict.score, verdict.required) == ("rewrite subject", 7.5, 15)
    assert (verdict.subject, verdict.has_virus) == ("[spam] é", True)
    request = api.requests[0].splitlines()
    for line in (
        "Password: secret",
        "From: a@b.example",
        "IP: 192.0.2.1",
        "Rcpt: bob@example.org",
        "Rcpt: ann@example.org",
    ):
        assert line in request
    assert "User: %C3%A9va" in request


@pytest.mark.parametrize(
    "answer", ["", "[]", '{"action": 1}', '{"action": "reject", "score": "high", "required_score": 1}']
)
async def test_an_answer_that_is_none_is_no_verdict(answer: str) -> None:
    async with local_api(answer.encode()) as api:
        with pytest.raises(FilterUnavailable):
            await RspamdClient(api.url, "", 60).judge(HAM, FACTS)


async def test_a_refusal_is_no_verdict() -> None:
    async with local_api(GOOD.encode(), "403 Forbidden") as api:
        with pytest.raises(FilterUnavailable):
            await RspamdClient(api.url, "", 60).judge(HAM, FACTS)
