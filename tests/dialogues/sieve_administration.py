"""What dialogues about sieve administration share."""

import aiohttp


async def call(address: str, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(headers={"Password": "secret"}) as client,
        client.request(method, f"{address}{path}", data=body) as answer,
    ):
        return answer.status, await answer.text()
