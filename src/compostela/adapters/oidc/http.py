"""JSON from the provider over HTTP, bounded in time and size."""

from typing import TYPE_CHECKING

import orjson

from compostela.base.errors import TemporaryFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

SECONDS = 10.0
MAX_OCTETS = 1 << 20


class ProviderHttp:
    """Asks one provider. No redirect is followed, for the operator said whom to trust; no proxy is taken from the environment."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, headers: "Mapping[str, str] | None" = None) -> tuple[int, dict[str, object]]:
        """The status and the JSON object in the answer, empty unless the status is 200. Raises `TemporaryFailure`."""
        return await self._ask("GET", url, headers or {}, None)

    async def post(
        self, url: str, form: "Mapping[str, str]", headers: "Mapping[str, str]"
    ) -> tuple[int, dict[str, object]]:
        """As `get`, with a form's fields."""
        return await self._ask("POST", url, headers, form)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, method: str, url: str, headers: "Mapping[str, str]", form: "Mapping[str, str] | None"
    ) -> tuple[int, dict[str, object]]:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=SECONDS), headers={"Accept": "application/json"}
            )
        try:
            async with self._session.request(
                method, url, headers=headers, data=form, allow_redirects=False
            ) as response:
                if response.status != 200:
                    return response.status, {}
                body = await _bounded(response.content, url)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TemporaryFailure(f"no answer from {url}: {error or type(error).__name__}") from error
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise TemporaryFailure(f"{url} answered with something else than JSON") from error
        if not isinstance(answer, dict):
            raise TemporaryFailure(f"{url} answered with something else than a JSON object")
        return 200, answer


async def _bounded(content: "aiohttp.StreamReader", url: str) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MAX_OCTETS:
            raise TemporaryFailure(f"the answer of {url} is longer than {MAX_OCTETS} octets")
    return bytes(body)
