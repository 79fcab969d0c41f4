"""A client of clamd: INSTREAM, one connection a message."""

import asyncio
import contextlib
import re

from compostela.core.blob.model import MessageContent
from compostela.core.filtering.ports import FilterUnavailable

MAX_ANSWER_BYTES = 8192
_ANSWER = re.compile(
    rb"stream: (?:(?P<clean>OK)|(?P<virus>[\x20-\x7e]{1,1000}) FOUND|(?P<error>[^\x00]{1,1000}))\x00?\Z"
)


class Clamd:
    """See `compostela.core.filtering.ports.VirusScanner`. `chunk_bytes` is how much clamd is sent at a time."""

    def __init__(self, host: str, port: int, timeout_seconds: float, chunk_bytes: int) -> None:
        self._host = host
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._chunk_bytes = chunk_bytes

    async def scan(self, content: MessageContent) -> str | None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return _verdict(await self._instream(content))
        except TimeoutError as error:
            raise FilterUnavailable(f"clamd gave no answer within {self._timeout_seconds:g} s") from error
        except (OSError, ValueError) as error:
            raise FilterUnavailable(f"clamd can not be asked: {error}") from error

    async def _instream(self, content: MessageContent) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"zINSTREAM\x00")
            try:
                async for chunk in content.chunks():
                    for start in range(0, len(chunk), self._chunk_bytes):
                        piece = chunk[start : start + self._chunk_bytes]
                        writer.write(len(piece).to_bytes(4) + piece)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
            except ConnectionError:
                pass  # it closes early for a message beyond its limit, and says so
            return await reader.read(MAX_ANSWER_BYTES)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _verdict(answer: bytes) -> str | None:
    """Raises ValueError."""
    found = _ANSWER.match(answer)
    if found is None:
        raise ValueError(f"it answers {answer[:80]!r}")
    if found["error"]:
        raise ValueError(f"it answers {found['error'].decode('ascii', 'replace')}")
    return found["virus"].decode("ascii") if found["virus"] else None
