"""A client of spamd (the SPAMC/SPAMD protocol 1.5): CHECK, one connection a message."""

import asyncio
import contextlib
import re

from compostela.core.blob.model import MessageContent
from compostela.core.filtering.ports import FilterUnavailable, SpamVerdict

MAX_ANSWER_BYTES = 8192
_STATUS = re.compile(rb"SPAMD/[\d.]{1,10} (\d{1,5}) ?([^\r\n]{0,200})\r?\n")
_VERDICT = re.compile(
    rb"^Spam:[ \t]*(true|yes|false|no)[ \t]*;[ \t]*(-?[\d.]{1,20})[ \t]*/[ \t]*(-?[\d.]{1,20})", re.I | re.M
)


class Spamd:
    """See `compostela.core.filtering.ports.SpamScanner`."""

    def __init__(self, host: str, port: int, timeout_seconds: float) -> None:
        self._host = host
        self._port = port
        self._timeout_seconds = timeout_seconds

    async def scan(self, content: MessageContent) -> SpamVerdict:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return _verdict(await self._check(content))
        except TimeoutError as error:
            raise FilterUnavailable(f"spamd gave no answer within {self._timeout_seconds:g} s") from error
        except (OSError, ValueError) as error:
            raise FilterUnavailable(f"spamd can not be asked: {error}") from error

    async def _check(self, content: MessageContent) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % content.size)
            async for chunk in content.chunks():
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
            answer = bytearray()
            while len(answer) < MAX_ANSWER_BYTES and (octets := await reader.read(MAX_ANSWER_BYTES)):
                answer += octets
            return bytes(answer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _verdict(answer: bytes) -> SpamVerdict:
    """Raises ValueError."""
    status = _STATUS.match(answer)
    if status is None:
        raise ValueError("it does not answer as spamd does")
    if int(status.group(1)) != 0:
        raise ValueError(f"it answers {status.group(1).decode()} {status.group(2).decode('ascii', 'replace')}")
    found = _VERDICT.search(answer)
    if found is None:
        raise ValueError("its answer holds no verdict")
    return SpamVerdict(found.group(1).lower() in (b"true", b"yes"), float(found.group(2)), float(found.group(3)))
