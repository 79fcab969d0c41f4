"""Requests to web servers over aiohttp, which is imported at the first request.

Each request is bounded in time, and its answer in size. No redirection is followed, for it may lead elsewhere than the caller meant; no
proxy is taken from the environment, and no cookie is kept.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

MAX_LINE_BYTES = 8 * 1024
"""Of the answer's status line and of each of its header fields."""
CHUNK_BYTES = 64 * 1024
NO_FIELDS: Mapping[str, str] = {}
HeaderFields = Mapping[str, str] | Iterable[tuple[str, str]]
Content = bytes | Mapping[str, str] | AsyncIterator[bytes] | None
"""Octets, a form's fields, or octets piece by piece."""


class HttpFailure(OSError):
    """The server gave no answer, or one beyond the limits. The text has the reason."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`body` is read of an answer with status 200, by a client that wants bodies; else it is empty."""

    status: int
    reason: str = ""
    body: bytes = b""


class HttpClient:
    """Keeps connections to the servers that it asks until `close`; as an asynchronous context manager it closes itself. With
    `max_body_bytes=0` no body is read."""

    def __init__(
        self,
        seconds: float,
        max_body_bytes: int = 0,
        connector: "Callable[[], aiohttp.BaseConnector] | None" = None,
    ) -> None:
        self._seconds = seconds
        self._max_body_bytes = max_body_bytes
        self._connector = connector
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, headers: HeaderFields = NO_FIELDS) -> HttpAnswer:
        """Raises `HttpFailure`."""
        return await self._ask("GET", url, headers, None)

    async def post(self, url: str, content: Content, headers: HeaderFields = NO_FIELDS) -> HttpAnswer:
        """Raises `HttpFailure`."""
        return await self._ask("POST", url, headers, content)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> "HttpClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, method: str, url: str, headers: HeaderFields, content: Content) -> HttpAnswer:
        import aiohttp

        try:
            async with (
                asyncio.timeout(self._seconds),
                self._open_session().request(
                    method, url, headers=headers, data=content, allow_redirects=False
                ) as response,
            ):
                return HttpAnswer(response.status, response.reason or "", await self._body(response))
        except TimeoutError as error:
            raise HttpFailure("it did not answer in time") from error
        except aiohttp.ClientConnectorError as error:
            # the error itself repeats host and port
            raise HttpFailure(str(error.__cause__ or error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise HttpFailure(str(error) or type(error).__name__) from error

    def _open_session(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector() if self._connector is not None else None,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "Compostela"},
                max_line_size=MAX_LINE_BYTES,
                max_field_size=MAX_LINE_BYTES,
            )
        return self._session

    async def _body(self, response: "aiohttp.ClientResponse") -> bytes:
        """Raises ValueError."""
        octets = bytearray()
        if response.status == 200 and self._max_body_bytes:
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                octets += chunk
                if len(octets) > self._max_body_bytes:
                    raise ValueError(f"its answer is longer than {self._max_body_bytes} octets")
        return bytes(octets)
