"""Clients of the administration."""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from tests.chaos.clients import PATIENCE_SECONDS, Client, Refused, TryLater
from tests.server_process import TOKEN

UNAVAILABLE = 503
NO_HEADERS: Mapping[str, str] = {}


@dataclass
class Administrator(Client):
    """Makes and removes users, and looks at queues."""

    number: int = 0

    async def session(self) -> None:
        async with web(self.node.server.web) as http:
            try:
                await self.repeat(lambda: self._step(http))
            except aiohttp.ClientConnectionError as error:
                raise ConnectionError(str(error)) from error
            except aiohttp.ClientPayloadError as error:
                raise ConnectionError(str(error)) from error

    async def _step(self, http: aiohttp.ClientSession) -> None:
        accounts = self.ledger.accounts
        match self.dice.randrange(4):
            case 0:
                self.number += 1
                name = f"{self.name}-{self.number}@example.org"
                accounts[name] = None
                await ask(http, "PUT", f"/users/{name}", {"password": "secret"})
                accounts[name] = True
            case 1:
                own = [name for name, is_there in accounts.items() if is_there and name.startswith(f"{self.name}-")]
                if own:
                    name = self.dice.choice(own)
                    accounts[name] = None
                    await ask(http, "DELETE", f"/users/{name}")
                    accounts[name] = False
            case 2:
                await ask(http, "GET", "/mailQueues/spool")
            case 3:
                await ask(http, "GET", "/users")


def web(port: int, headers: Mapping[str, str] = NO_HEADERS) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {TOKEN}", **headers},
        timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS),
    )


async def ask(http: aiohttp.ClientSession, method: str, path: str, body: object = None) -> object:
    """The answer, of JSON. Raises `TryLater` and `Refused`."""
    async with http.request(method, path, json=body) as answer:
        if answer.status == UNAVAILABLE:
            raise TryLater
        if not answer.ok:
            raise Refused(f"{method} {path}: {answer.status} {await answer.text()}")
        return await answer.json() if answer.content_type == "application/json" else None
