"""What senders asked to be told: how it is kept, passed on and matched."""

from typing import cast

import pytest

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail import notification
from compostela.core.mail.attributes import DSN_NOTIFY, DSN_ORIGINAL_RECIPIENT
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import MatcherContext
from compostela.processing.matchers.notification import (
    DSNDelayRequested,
    DSNFailureRequested,
    DSNSuccessRequested,
)

ALL, NOTHING, NEVER = (MailAddress.parse(f"{name}@example.org") for name in ("all", "nothing", "never"))
Matching = type[DSNDelayRequested] | type[DSNFailureRequested] | type[DSNSuccessRequested]


def a_mail() -> Mail:
    mail = Mail("mail", None, [ALL, NOTHING, NEVER], MessageContent(b"\r\n", MemoryBody(b"")))
    notification.note(mail, DSN_NOTIFY, {ALL: "SUCCESS,FAILURE,DELAY", NEVER: "NEVER"})
    return mail


@pytest.mark.parametrize(
    ("matcher", "condition", "matched"),
    [
        (DSNSuccessRequested, "", [ALL]),
        (DSNSuccessRequested, "shouldMatchByDefault", [ALL, NOTHING]),
        (DSNDelayRequested, "", [ALL]),
        (DSNDelayRequested, "shouldMatchByDefault", [ALL, NOTHING]),
        (DSNFailureRequested, "", [ALL, NOTHING]),
        (DSNFailureRequested, "shouldNotMatchByDefault", [ALL]),
    ],
)
async def test_matchers(matcher: Matching, condition: str, matched: list[MailAddress]) -> None:
    problems = Problems()
    settings = Settings(Node("mailet", Place("")), problems)
    # these matchers ask nothing of their surroundings
    made = matcher(condition, settings, cast("MatcherContext", None))
    assert await made.match(a_mail()) == matched
    assert not problems.found


def test_a_condition_that_is_no_flag_is_complained_about() -> None:
    problems = Problems()
    settings = Settings(Node("mailet", Place("")), problems)
    DSNSuccessRequested("shouldNotMatchByDefault", settings, cast("MatcherContext", None))
    assert problems.found


def test_wishes_pass_to_those_who_take_anothers_place_and_not_back_to_other_parts() -> None:
    mail = a_mail()
    notification.note(mail, DSN_ORIGINAL_RECIPIENT, {ALL: "rfc822;x@y.example"})
    part = mail.copy("part", [ALL])
    new = MailAddress.parse("New@Example.net")
    notification.inherit(part, ALL, [new])
    assert notification.notify_of(part, new) == "SUCCESS,FAILURE,DELAY"
    assert notification.original_recipient_of(part, new) == "rfc822;x@y.example"
    assert notification.notify_of(mail, new) is None
    notification.inherit(part, NOTHING, [NEVER])
    assert notification.notify_of(part, NEVER) == "NEVER"


def test_wishes_are_forgotten_in_part_or_altogether() -> None:
    mail = a_mail()
    part = mail.copy("part", [ALL])
    notification.forget(part, [ALL])
    assert notification.notify_of(part, ALL) is None
    assert notification.notify_of(mail, ALL) is not None
    notification.forget(part)
    assert not notification.is_asked(part)
    assert notification.is_asked(mail)


def test_a_recipient_with_wishes_of_his_own_keeps_them_when_another_becomes_him() -> None:
    mail = a_mail()
    notification.inherit(mail, ALL, [NEVER])
    assert notification.notify_of(mail, NEVER) == "NEVER"
