"""IsInDropList and DLP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.dlp.model import DlpRule
from compostela.core.drop_lists.model import GLOBAL, Denied, DropList, Scope
from compostela.model.domain import Domain
from compostela.processing.mailet import MailetContext
from compostela.processing.matchers.dlp import MATCHED_RULE
from compostela.testing.clock import FakeClock
from compostela.testing.pipeline import ANN, BOB, mail_of, matcher, server_context

SENDER = "eve@evil.example"
SENDERS_DOMAIN = Domain.parse("evil.example")


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield replace(made, drop_lists_enabled=True)


async def accepting(context: MailetContext, sender: str | None = SENDER) -> list[str]:
    found = await matcher("IsInDropList", context).match(mail_of("A: b\r\n\r\n", sender, BOB, ANN))
    return [str(one) for one in found]


@pytest.mark.parametrize("denied", ["Eve@Evil.example", "evil.EXAMPLE"])
async def test_recipients_without_the_sender_in_a_drop_list_match(context: MailetContext, denied: str) -> None:
    store, entry = context.drop_lists, Denied.parse(denied)
    assert await accepting(context) == [BOB, ANN]
    await store.add(DropList.of(Scope.USER, ANN), entry)
    assert await accepting(context) == [BOB]
    await store.add(DropList.of(Scope.DOMAIN, "example.org"), entry)
    assert await accepting(context) == []
    await store.remove(DropList.of(Scope.DOMAIN, "example.org"), entry)
    await store.add(GLOBAL, entry)
    assert await accepting(context) == []
    assert await accepting(context, "other@else.example") == [BOB, ANN]
    assert await accepting(context, None) == [BOB, ANN]


def test_drop_lists_that_are_off_are_an_error_at_start(context: MailetContext) -> None:
    with pytest.raises(InvalidArgument, match=r"droplists\.properties"):
        matcher("IsInDropList", replace(context, drop_lists_enabled=False))


HTML = (
    "From: =?utf-8?q?=C3=89ve?= <ceo@evil.example>\r\nTo: list@lists.example\r\nSubject: =?utf-8?b?Z2VoZWlt?=\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\nPHA+TnVtbWVyIDEyMy00NTY8L3A+\r\n--b\r\nContent-Type: application/pdf\r\n\r\nin a file\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("rule", "is_found"),
    [
        (DlpRule("1", r"^eve@", targets_sender=True), True),
        (DlpRule("1", r"^ceo@evil\.example$", targets_sender=True), True),
        (DlpRule("1", r"^bob@", targets_sender=True, targets_content=True), False),
        (DlpRule("1", r"^bob@", targets_recipients=True), True),
        (DlpRule("1", r"@lists\.example$", targets_recipients=True), True),
        (DlpRule("1", r"geheim", targets_content=True), True),
        (DlpRule("1", r"\d{3}-\d{3}", targets_content=True), True),
        (DlpRule("1", r"in a file", targets_content=True), False),
        (DlpRule("1", r"."), False),
    ],
)
async def test_a_rule_is_searched_in_what_it_targets(context: MailetContext, rule: DlpRule, is_found: bool) -> None:
    await context.dlp_rules.replace(SENDERS_DOMAIN, [DlpRule("0", "never there", targets_content=True), rule])
    mail = mail_of(HTML, SENDER, BOB, ANN)
    found = await matcher("DLP", context).match(mail)
    assert [str(one) for one in found] == ([BOB, ANN] if is_found else [])
    assert mail.attributes.get(MATCHED_RULE) == ("1" if is_found else None)


async def test_rules_are_those_of_the_senders_domain(context: MailetContext) -> None:
    await context.dlp_rules.replace(Domain.parse("example.org"), [DlpRule("1", ".", targets_sender=True)])
    assert not await matcher("DLP", context).match(mail_of(HTML, SENDER))
    assert not await matcher("DLP", context).match(mail_of(HTML, None))


async def test_rules_are_remembered_for_as_long_as_the_condition_says(context: MailetContext) -> None:
    clock = FakeClock()
    remembering = matcher("DLP=cache:60s", replace(context, clock=clock))
    assert not await remembering.match(mail_of(HTML, SENDER))
    await context.dlp_rules.replace(SENDERS_DOMAIN, [DlpRule("1", ".", targets_sender=True)])
    assert not await remembering.match(mail_of(HTML, SENDER))
    clock.advance(61)
    assert await remembering.match(mail_of(HTML, SENDER))


@pytest.mark.parametrize("condition", ["60s", "cache:", "cache:soon"])
def test_a_wrong_condition_is_refused(context: MailetContext, condition: str) -> None:
    with pytest.raises(InvalidArgument):
        matcher(f"DLP={condition}", context)
