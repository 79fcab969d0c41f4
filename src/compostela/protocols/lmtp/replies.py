"""Replies of the LMTP server that SMTP does not have: one for each recipient after the final dot (RFC 2033 §4.2)."""

from compostela.model.mail_address import MailAddress
from compostela.protocols.smtp.replies import Reply, reply

LHLO_FIRST = reply(503, "5.5.0", "Need LHLO before MAIL")


def received(recipient: MailAddress) -> Reply:
    return reply(250, "2.6.0", f"Message received <{recipient}>")


def over_quota(recipient: MailAddress) -> Reply:
    return reply(552, "5.2.2", f"Over Quota error when delivering message to <{recipient}>")


def storage_full(recipient: MailAddress) -> Reply:
    return reply(452, "4.3.1", f"Insufficient system storage for message to <{recipient}>")


def failed(recipient: MailAddress) -> Reply:
    return reply(451, "4.0.0", f"Temporary error deliver message <{recipient}>")
