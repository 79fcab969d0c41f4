"""The SMTP client keeps to the contract of senders."""

import pytest

from compostela.core.outbound.ports import SmtpSender
from compostela.net.outbound.client import SmtpClient
from tests.contracts.outbound import SmtpSenderContract


class TestSmtpClient(SmtpSenderContract):
    @pytest.fixture
    def sender(self) -> SmtpSender:
        return SmtpClient()
