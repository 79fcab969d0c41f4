"""What reports repeat of others' words, and the status that they tell."""

import pytest

from compostela.core.mail.attributes import DELIVERY_ERROR, DELIVERY_ERROR_CODE, DELIVERY_STATUS, AttributeValue
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import FAILED, Attachment, ReportForm, escaped, public, report
from compostela.testing.mails import a_mail


def test_control_characters_of_a_reply_are_escaped() -> None:
    assert escaped("550 no\x1b[2J \x9b\x00 user\r\n\tthere") == "550 no\\x1b[2J \\x9b\\x00 user\r\n\tthere"
    assert public("450 \x07") == "450 \\x07"
    assert public("Traceback (most recent call last):\n /etc/secret") == "An internal error occurred"


@pytest.mark.parametrize(
    ("attributes", "text", "status"),
    [
        ({DELIVERY_ERROR: "550 5.1.1 no such user", DELIVERY_ERROR_CODE: 550, DELIVERY_STATUS: "5.1.1"}, "", "5.1.1"),
        ({DELIVERY_ERROR: "550 see 5.1.1 in our manual", DELIVERY_ERROR_CODE: 550}, "", "5.0.0"),
        ({DELIVERY_ERROR: "452 4.2.2 full", DELIVERY_ERROR_CODE: 452, DELIVERY_STATUS: "4.2.2"}, "", "4.2.2"),
        ({}, "554 5.4.6 a loop", "5.4.6"),
        ({}, "version 5.4.6 of the list is closed", "5.0.0"),
    ],
)
async def test_the_status_is_the_enhanced_code_of_the_refusal(
    attributes: dict[str, AttributeValue], text: str, status: str
) -> None:
    mail = a_mail()
    mail.attributes.update(attributes)
    mail.error_message = text or None
    postmaster = MailAddress.parse("postmaster@example.org")
    form = ReportForm(FAILED, postmaster, "", "", Attachment.NONE)
    told = await (await report(mail, postmaster, form, "mail.example.org", 1.8e9)).body.read()
    assert f"\r\nStatus: {status}\r\n".encode() in told
