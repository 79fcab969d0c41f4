"""Mails beyond a rate go to another processor."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import Mail
from compostela.processing.mailet import MailetContext
from compostela.testing.clock import FakeClock
from compostela.testing.pipeline import ANN, BOB, SENDER, mail_of, mailet, served, server_context, spooled

ROOT, ERROR = mail_of().state, "error"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def context(tmp_path: Path, clock: FakeClock) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield replace(made, clock=clock, rate_limits=InProcessRateLimits(clock))


def of_size(size: int, *recipients: str) -> Mail:
    return mail_of("\r\n" + "x" * (size - 2), SENDER, *recipients)


@pytest.mark.parametrize("name", ["GlobalRateLimit", "PerSenderRateLimit", "PerRecipientRateLimit"])
async def test_mails_beyond_the_count_go_to_error_until_the_time_is_over(
    name: str, context: MailetContext, clock: FakeClock
) -> None:
    limit = mailet(name, context, duration="1h", count="2")
    assert [(await served(limit, mail_of())).state for _ in range(4)] == [ROOT, ROOT, ERROR, ERROR]
    clock.advance(7200)
    assert (await served(limit, mail_of())).state == ROOT


@pytest.mark.parametrize(
    ("limit", "mails", "expected"),
    [
        ({"recipients": "3"}, [(100, 2), (100, 2), (100, 1)], [ROOT, ERROR, ROOT]),
        ({"size": "1K"}, [(600, 2), (600, 2), (400, 5)], [ROOT, ERROR, ROOT]),
        ({"totalSize": "1K"}, [(300, 2), (300, 2), (400, 1)], [ROOT, ERROR, ROOT]),
        ({"count": "2", "size": "1K"}, [(900, 1), (900, 1), (10, 1)], [ROOT, ERROR, ERROR]),
    ],
)
@pytest.mark.parametrize("name", ["GlobalRateLimit", "PerSenderRateLimit"])
async def test_each_quantity_has_its_limit(
    name: str,
    limit: dict[str, str],
    mails: list[tuple[int, int]],
    expected: list[str],
    context: MailetContext,
) -> None:
    made = mailet(name, context, duration="60", **limit)
    found = [
        (await served(made, of_size(size, *[BOB, ANN, "c@x", "d@x", "e@x"][:count]))).state for size, count in mails
    ]
    assert found == expected


async def test_senders_have_limits_of_their_own_and_reports_none(context: MailetContext) -> None:
    limit = mailet("PerSenderRateLimit", context, duration="1d", count="1", exceededProcessor="slow")
    senders = ["a@x.example", "b@x.example", "A@X.example", None, None]
    states = [(await served(limit, mail_of("\r\n", sender))).state for sender in senders]
    assert states == [ROOT, ROOT, "slow", ROOT, ROOT]
    assert limit.processors == ("slow",)


async def test_all_senders_share_the_global_limit(context: MailetContext) -> None:
    limit = mailet("GlobalRateLimit", context, duration="1d", count="2")
    senders = ["a@x.example", None, "b@x.example"]
    assert [(await served(limit, mail_of("\r\n", sender))).state for sender in senders] == [ROOT, ROOT, ERROR]


async def test_a_prefix_tells_mailets_apart(context: MailetContext) -> None:
    made = [mailet("GlobalRateLimit", context, duration="1d", count="1", keyPrefix=prefix) for prefix in "aba"]
    assert [(await served(one, mail_of())).state for one in made] == [ROOT, ROOT, ERROR]


async def test_recipients_beyond_their_limit_are_split_off(context: MailetContext) -> None:
    limit = mailet("PerRecipientRateLimit", context, duration="1d", count="1", exceededProcessor="slow")
    await served(limit, mail_of("\r\n", SENDER, BOB))
    mail = mail_of("\r\n", SENDER, BOB, ANN)
    for _ in range(2):  # the second run after a crash makes no second mail
        await served(limit, mail.copy("mail", mail.recipients), 7)
    found = await spooled(context)
    assert [([str(one) for one in part.recipients], part.state) for part in found] == [([BOB], "slow")]
    rest = await served(limit, mail_of("\r\n", SENDER, BOB, "new@example.org"), 8)
    assert ([str(one) for one in rest.recipients], rest.state) == (["new@example.org"], ROOT)


async def test_the_size_of_a_mail_counts_for_each_recipient(context: MailetContext) -> None:
    limit = mailet("PerRecipientRateLimit", context, duration="1d", size="1K")
    assert (await served(limit, of_size(600, BOB, ANN))).state == ROOT
    assert (await served(limit, of_size(600, BOB, ANN))).state == ERROR


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"count": "1"}, {"duration": "1h"}, {"duration": "1h", "count": "0"}, {"duration": "1h", "size": "0"},
        {"duration": "1h", "count": ""}, {"duration": "soon", "count": "1"}, {"duration": "0", "count": "1"}, {"duration": "1h", "count": "1", "counts": "2"},
    ],
)  # fmt: skip
async def test_wrong_parameters_are_refused(parameters: dict[str, str], context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        mailet("GlobalRateLimit", context, **parameters)


async def test_jamess_other_parameters_are_accepted_and_told(context: MailetContext) -> None:
    with pytest.raises(
        InvalidArgument, match=r"'precision' has no effect here.*'rateLimiterTimeout' has no effect here"
    ):
        mailet("GlobalRateLimit", context, duration="1h", count="1", precision="1m", rateLimiterTimeout="3s")
