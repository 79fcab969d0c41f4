"""A client of rspamd's normal worker: POST /checkv2."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from compostela.core.blob.model import MessageContent
from compostela.core.filtering.ports import FilterUnavailable, MailFacts, RspamdVerdict

if TYPE_CHECKING:
    import aiohttp

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
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._url, data=_octets(content), headers=self._headers(content, facts), allow_redirects=False
                ) as response,
            ):
                octets = await _bounded(response)
                if response.status != 200:
                    raise ValueError(f"it answers {response.status}")
            answer = msgspec.json.decode(octets, type=_Answer)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise FilterUnavailable(f"rspamd can not be asked: {error or type(error).__name__}") from error
        viruses = any("VIRUS" in name for name in answer.symbols)
        return RspamdVerdict(answer.action, answer.score, answer.required_score, answer.subject, viruses)

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


async def _bounded(response: "aiohttp.ClientResponse") -> bytes:
    """Raises ValueError."""
    octets = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        octets += chunk
        if len(octets) > MAX_ANSWER_BYTES:
            raise ValueError("its answer is too long")
    return bytes(octets)
