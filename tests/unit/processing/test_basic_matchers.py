"""The matchers that every configuration has: senders, recipients, how a mail came in, and composites."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.mail.attributes import (
    DSN_NOTIFY,
    IS_DELIVERY_PERMANENT_ERROR,
    SENT_BY_JMAP,
    SENT_BY_MAILET,
    SMTP_AUTH_USER,
    AttributeValue,
)
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.processing.mailet import MailetContext
from compostela.processing.matchers.composites import COMPOSITES
from compostela.testing.mails import address
from compostela.testing.pipeline import ANN, BOB, mail_of, matcher, server_context

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER, AWAY = "x@remote.example", "y@other.example"
ALL = [BOB, ANN, STRANGER]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MailetContext]:
    """One for all: matchers change nothing."""
    async with server_context(tmp_path_factory.mktemp("server")) as made:
        yield made


async def matched(
    match: str, context: MailetContext, sender: str | None = ANN, recipients: list[str] = ALL, message: str = "A: b\r\n\r\n", **attributes: AttributeValue
) -> list[str]:  # fmt: skip
    mail = mail_of(message, sender, *recipients)
    mail.attributes.update(attributes)
    return [str(one) for one in await matcher(match, context).match(mail)]


@pytest.mark.parametrize(
    ("match", "wanted"),
    [
        ("HostIsLocal", [BOB, ANN]),
        ("RecipientDomainIs=remote.example, other.example", [STRANGER]),
        ("TooManyRecipients=2", ALL),
        ("TooManyRecipients=3", []),
        ("IsSingleRecipient", []),
    ],
)
async def test_recipients(context: MailetContext, match: str, wanted: list[str]) -> None:
    assert await matched(match, context) == wanted


async def test_a_single_recipient(context: MailetContext) -> None:
    assert await matched("IsSingleRecipient", context, recipients=[BOB]) == [BOB]


@pytest.mark.parametrize(
    ("match", "senders"),
    [
        ("SenderIsNull", {None}),
        ("SenderIsLocal", {ANN}),
        ("SenderHostIsLocal", {ANN, "nobody@example.org"}),
        ("SenderHostIs=remote.example", {STRANGER}),
        ("IsSenderInRRTLoop", {"loop@example.org"}),
    ],
)
async def test_senders(context: MailetContext, match: str, senders: set[str | None]) -> None:
    store = context.rewriting
    await store.add(MappingSource.of_address(address("loop@example.org")), Mapping(MappingType.ERROR, "554 Too many mappings to process"))  # fmt: skip
    for sender in (None, ANN, "nobody@example.org", STRANGER, AWAY, "loop@example.org"):
        expected = sender in senders or (match == "SenderHostIsLocal" and sender == "loop@example.org")
        assert bool(await matched(match, context, sender)) is expected, sender


@pytest.mark.parametrize(
    ("match", "name", "value", "other"),
    [
        ("SMTPAuthSuccessful", SMTP_AUTH_USER, "bob@example.org", None),
        ("SentByMailet", SENT_BY_MAILET, True, None),
        ("SentByJmap", SENT_BY_JMAP, "bob@example.org", None),
        ("IsRemoteDeliveryPermanentError", IS_DELIVERY_PERMANENT_ERROR, True, False),
        ("IsRemoteDeliveryTemporaryError", IS_DELIVERY_PERMANENT_ERROR, False, True),
    ],
)
async def test_attributes(
    context: MailetContext, match: str, name: str, value: AttributeValue, other: AttributeValue
) -> None:
    assert await matched(match, context, **{name: value}) == ALL
    assert await matched(match, context) == []
    if other is not None:
        assert await matched(match, context, **{name: other}) == []


@pytest.mark.parametrize(
    ("match", "wanted"),
    [
        ("DSNDelayRequested", [BOB]),
        ("DSNDelayRequested=shouldMatchByDefault", [BOB, STRANGER]),
        ("DSNFailureRequested", [ANN, STRANGER]),
        ("DSNFailureRequested=shouldNotMatchByDefault", [ANN]),
    ],
)
async def test_what_a_sender_wants_to_be_told(context: MailetContext, match: str, wanted: list[str]) -> None:
    notify: AttributeValue = {BOB: "SUCCESS,DELAY", ANN: "FAILURE"}
    assert await matched(match, context, **{DSN_NOTIFY: notify}) == wanted


@pytest.mark.parametrize(
    ("subject", "condition", "matches"),
    [
        ("Lunch", "Lunch", True),
        ("=?utf-8?q?Caf=C3=A9?=", "Café", True),
        ("Lunch today", "Lunch", False),
        ("", "", True),
    ],
)
async def test_subjects(context: MailetContext, subject: str, condition: str, matches: bool) -> None:
    found = await matched(f"SubjectIs={condition}", context, message=f"Subject: {subject}\r\n\r\n")
    assert bool(found) is matches


@pytest.mark.parametrize(
    ("name", "operands", "wanted"),
    [
        ("And", [f"RecipientIs={BOB},{ANN}", f"RecipientIs={ANN},{STRANGER}"], [ANN]),
        ("And", [f"RecipientIs={BOB}", f"RecipientIs={STRANGER}"], []),
        ("Or", [f"RecipientIs={BOB}", f"RecipientIs={STRANGER}"], [BOB, STRANGER]),
        ("Or", ["All", f"RecipientIs={STRANGER}"], ALL),
        ("Not", [f"RecipientIs={BOB}"], [ANN, STRANGER]),
        ("Not", [f"RecipientIs={BOB}", f"RecipientIs={STRANGER}"], [ANN]),
        ("Xor", [f"RecipientIs={BOB},{ANN}", f"RecipientIs={ANN},{STRANGER}"], [BOB, STRANGER]),
        ("Xor", ["All", "All", f"RecipientIs={BOB}"], [BOB]),
    ],
)
async def test_composites(context: MailetContext, name: str, operands: list[str], wanted: list[str]) -> None:
    made = COMPOSITES[name]([matcher(one, context) for one in operands], _settings(), context)
    mail = mail_of("A: b\r\n\r\n", ANN, *ALL)
    assert [str(one) for one in await made.match(mail)] == wanted


@pytest.mark.parametrize("name", COMPOSITES)
async def test_a_composite_has_operands(context: MailetContext, name: str) -> None:
    settings = _settings()
    COMPOSITES[name]([], settings, context)
    assert "needs matchers inside" in str(settings.problems.found)


def _settings() -> Settings:
    return Settings(Node("matcher", Place("test")), Problems())


@pytest.mark.parametrize("match", ["RecipientDomainIs", "TooManyRecipients=x", "SenderHostIs=a..b"])
async def test_wrong_conditions_are_found_at_start(context: MailetContext, match: str) -> None:
    with pytest.raises(InvalidArgument):
        matcher(match, context)
