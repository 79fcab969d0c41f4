"""A client of rspamd's normal worker: POST /checkv2."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec

from compostela.base.http_client import HttpClient, HttpFailure
from compostela.core.blob.model import MessageContent
from compostela.core.filtering.ports import FilterUnavailable, MailFacts, RspamdVerdict

MAX_ANSWER_BYTES = 4 * 1024 * 1024


class _Answer(msgspec.Struct):
    """What is read of the answer."""

    action: str
    score: float
    required_score: float
    subject: str | None = None
    symbols: dict[str, object] = {}


class RspamdClient:
    """See `compostela.core.filtering.ports.MailJudge`."""

    def __init__(self, url: str, password: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/") + "/checkv2"
        self._password = password
        self._timeout_seconds = timeout_seconds

    async def judge(self, content: MessageContent, facts: MailFacts) -> RspamdVerdict:
        try:
            async with HttpClient(self._timeout_seconds, MAX_ANSWER_BYTES) as client:
                answer = await client.post(self._url, _octets(content), self._headers(content, facts))
            if answer.status != 200:
                raise FilterUnavailable(f"rspamd can not be asked: it answers {answer.status}")
            verdict = msgspec.json.decode(answer.body, type=_Answer)
        except (HttpFailure, ValueError) as error:
            raise FilterUnavailable(f"rspamd can not be asked: {error}") from error
        viruses = any("VIRUS" in name for name in verdict.symbols)
        return RspamdVerdict(verdict.action, verdict.score, verdict.required_score, verdict.subject, viruses)

    def _headers(self, content: MessageContent, facts: MailFacts) -> list[tuple[str, str]]:
        named = {
            "Password": self._password,
            "From": facts.sender,
            "IP": facts.address,
            "Helo": facts.helo,
            "User": facts.user,
            "Queue-Id": facts.name,
            "Deliver-To": facts.deliver_to,
        }
        known = [(name, quote(value, safe=_SAFE)) for name, value in named.items() if value]
        recipients = [("Rcpt", quote(recipient, safe=_SAFE)) for recipient in facts.recipients]
        return [*known, *recipients, ("Content-Length", str(content.size))]


_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
"""Rspamd decodes percent signs in these headers."""


async def _octets(content: MessageContent) -> AsyncIterator[bytes]:
    async for chunk in content.chunks():
        yield bytes(chunk)
