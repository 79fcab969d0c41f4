"""Posts forms over HTTP/1.1 with their length: many servers of forms do not take chunked requests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote_plus

from compostela.base.http_client import HttpClient
from compostela.core.blob.model import MessageContent
from compostela.core.web_forms.ports import FormAnswer, FormField, FormNotPosted

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~ "
"""Octets that take one octet in the form (the blank as a plus sign); all others take three."""


class HttpForms:
    """See `compostela.core.web_forms.ports.FormPoster`. The answer's body is not read."""

    async def post(self, url: str, fields: Sequence[FormField], timeout_seconds: float) -> FormAnswer:
        try:
            async with asyncio.timeout(timeout_seconds), HttpClient(timeout_seconds) as client:
                headers = {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Content-Length": str(await _length(fields)),
                }
                answer = await client.post(url, _encoded(fields), headers)
        except OSError as error:
            raise FormNotPosted(f"the form cannot be posted: {error or type(error).__name__}") from error
        return FormAnswer(answer.status, answer.reason)


async def _length(fields: Sequence[FormField]) -> int:
    total = max(2 * len(fields) - 1, 0)
    for name, value in fields:
        total += _encoded_length(name.encode())
        async for chunk in _octets(value):
            total += _encoded_length(chunk)
    return total


def _encoded_length(octets: bytes) -> int:
    return len(octets) + 2 * len(octets.translate(None, _PLAIN))


async def _encoded(fields: Sequence[FormField]) -> AsyncIterator[bytes]:
    for number, (name, value) in enumerate(fields):
        yield (("&" if number else "") + quote_plus(name) + "=").encode("ascii")
        async for chunk in _octets(value):
            # some 20 ms for a whole chunk
            yield (await asyncio.to_thread(quote_plus, chunk)).encode("ascii")


async def _octets(value: str | bytes | MessageContent) -> AsyncIterator[bytes]:
    if isinstance(value, MessageContent):
        async for chunk in value.chunks():
            yield bytes(chunk)
    elif value:
        yield value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
