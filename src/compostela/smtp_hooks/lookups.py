"""DNS as SMTP hooks ask it: bounded in time, whatever the name servers do, and in the number of questions at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Annotated, TypeVar

from compostela.base.declarations import Boolean, Duration
from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, DnsTemporaryFailure
from compostela.model.domain import Domain

T = TypeVar("T")

LIMIT_SECONDS = 10.0
"""How long a hook lets its client wait for DNS, unless its `timeout` says otherwise."""
MIN_LIMIT_SECONDS = 0.001
"""With no time at all there is no answer, and a hook that seems to be there does nothing."""
MAX_AT_ONCE = 32
"""Questions of one hook under way at once."""
MAX_DETAIL = 400
"""Characters of a list's own words in a reply, which is one line of at most 512 octets (RFC 5321 §4.5.3.1.5)."""
_ANSWERS = ip_network("127.0.0.0/8")
_REFUSALS = ip_network("127.255.255.0/24")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSettings:
    """Parameters of every hook that asks DNS."""

    limit_seconds: Annotated[float, Duration("timeout", minimum=MIN_LIMIT_SECONDS)] = LIMIT_SECONDS
    """How long the client may have to wait for DNS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCheckSettings(LookupSettings):
    """Parameters of checks that clients which may relay are spared."""

    checks_all: Annotated[bool, Boolean("checkAuthNetworks")] = False
    """Whether clients that may relay are checked too."""


def parse_zone(text: str) -> str:
    """The name of a list, with or without a final dot. Raises `InvalidArgument`."""
    return Domain.parse(text.strip(".")).name


class TimeLeft:
    """What a hook has left of the time that it lets a client wait, when it has several questions one after the other."""

    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds

    @property
    def seconds(self) -> float:
        return max(0.0, self._end - asyncio.get_running_loop().time())


async def bounded(answer: Awaitable[T], limit_seconds: float) -> T:
    """The answer. Raises `DnsTemporaryFailure` when it does not come in time."""
    try:
        async with asyncio.timeout(limit_seconds):
            return await answer
    except TimeoutError as error:
        raise DnsTemporaryFailure(f"no answer within {limit_seconds:g} s") from error


@dataclass(frozen=True, slots=True)
class Found:
    """What lists said: the first of the names that is listed, and those of which nothing could be learnt."""

    listed: str | None
    unanswered: tuple[str, ...] = ()


Verdict = Callable[[Sequence[str]], bool | None]
"""Whether the addresses that a list answered with mean that the name is listed; None for a list that refuses to answer."""


def is_listed(addresses: Sequence[str]) -> bool | None:
    """Answers are in 127.0.0.0/8 (RFC 5782 §2.1): anything else comes from a name server that invents answers or from a
    domain with a new owner. With 127.255.255.0/24 public lists say that they do not
    answer this client, since it asks too often or through a public resolver."""
    answers = [ip_address(address) for address in addresses]
    if any(answer in _REFUSALS for answer in answers):
        return None
    return any(answer in _ANSWERS for answer in answers)


async def first_listed(
    dns: DnsResolver, names: Sequence[str], limit_seconds: float, verdict: Verdict = is_listed
) -> Found:
    """Asks for all names at once, and is done with the first that is listed, with all answers or at the limit. Never
    raises for what DNS does."""
    room = asyncio.Semaphore(MAX_AT_ONCE)

    async def ask(name: str) -> bool | None:
        async with room:
            try:
                return verdict(await dns.ipv4(name))
            except DnsNoSuchName:
                return False
            except DnsTemporaryFailure:
                return None

    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_seconds
    tasks = {name: asyncio.create_task(ask(name)) for name in names}
    pending = set(tasks.values())
    try:
        while pending:
            done, pending = await asyncio.wait(
                pending, timeout=max(0.0, deadline - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            if not done or any(task.result() for task in done):
                break
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    answers = {name: task.result() if task not in pending else None for name, task in tasks.items()}
    listed = next((name for name, answer in answers.items() if answer), None)
    return Found(listed, tuple(name for name, answer in answers.items() if answer is None))


async def detail(dns: DnsResolver, name: str, limit_seconds: float) -> str | None:
    """What a list says of a name (RFC 5782 §2.1), fit for a reply; None when it says nothing in time."""
    try:
        texts = await bounded(dns.txt(name), limit_seconds)
    except (DnsNoSuchName, DnsTemporaryFailure):
        return None
    words = " ".join(" ".join(texts).split())
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in words)[:MAX_DETAIL] or None
