"""JSON from the provider over HTTP, bounded in time and size."""

from collections.abc import Mapping

import orjson

from compostela.base.errors import TemporaryFailure
from compostela.base.http_client import HttpAnswer, HttpClient, HttpFailure

SECONDS = 10.0
MAX_OCTETS = 1 << 20
_JSON = {"Accept": "application/json"}


class ProviderHttp:
    """Asks one provider. No redirect is followed, for the operator said whom to trust; no proxy is taken from the environment."""

    def __init__(self) -> None:
        self._client = HttpClient(SECONDS, MAX_OCTETS)

    async def get(self, url: str, headers: Mapping[str, str] = _JSON) -> tuple[int, dict[str, object]]:
        """The status and the JSON object in the answer, empty unless the status is 200. Raises `TemporaryFailure`."""
        try:
            return _object(url, await self._client.get(url, {**_JSON, **headers}))
        except HttpFailure as error:
            raise TemporaryFailure(f"no answer from {url}: {error}") from error

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, object]]:
        """As `get`, with a form's fields."""
        try:
            return _object(url, await self._client.post(url, form, {**_JSON, **headers}))
        except HttpFailure as error:
            raise TemporaryFailure(f"no answer from {url}: {error}") from error

    async def close(self) -> None:
        await self._client.close()


def _object(url: str, answer: HttpAnswer) -> tuple[int, dict[str, object]]:
    """Raises `TemporaryFailure`."""
    if answer.status != 200:
        return answer.status, {}
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise TemporaryFailure(f"{url} answered with something else than JSON") from error
    if not isinstance(found, dict):
        raise TemporaryFailure(f"{url} answered with something else than a JSON object")
    return 200, found
