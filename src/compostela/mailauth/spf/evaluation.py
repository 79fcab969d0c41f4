"""check_host() of RFC 7208 §4: whether a host may use a domain's name.

Bounded whatever the records say: ten terms that ask DNS, two answers without a record, ten names of an MX or PTR answer,
records of a length, and a time for the whole.
"""

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from compostela.mailauth.dns import MAX_NAME, AuthenticationDns, DnsFailure, a_labels, is_queryable
from compostela.mailauth.spf.macros import MacroString, SpfSyntaxError, expand, parse_macro_string
from compostela.mailauth.spf.record import LOOKING_UP, Directive, Kind, SpfRecord, parse_record, select
from compostela.mailauth.spf.result import SpfCode, SpfIdentity, SpfResult

MAX_EXPLANATION = 400
"""Characters of an explanation that are passed on: it has to fit into a reply."""
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class SpfLimits:
    """§4.6.4."""

    terms: int = 10
    """Mechanisms and modifiers that ask DNS, in the record and all that it includes."""
    void_lookups: int = 2
    """Of their look-ups, how many may bring no record."""
    names: int = 10
    """Hosts of one MX answer; names of the PTR answer that are looked at."""
    record_characters: int = 8192
    """Of one record or explanation, with all its strings: eighteen times what is recommended (§3.4). DNS would carry eight
    times as much, in each of the records that are included, and none of it costs its owner anything (§11.1)."""
    seconds: float = 20.0
    """For everything; beyond it the result is temperror."""


class _PermError(Exception):
    pass


class _NoMatch(Exception):
    """The term cannot match: its macros have no form that DNS could be asked for."""


async def check_identity(identity: SpfIdentity, dns: AuthenticationDns, now: float, receiver: str) -> SpfResult:
    """`check_host` of a client at its MAIL FROM or HELO."""
    return await check_host(
        identity.ip, identity.domain, identity.address, identity.helo, dns, now=now, receiver=receiver
    )


async def check_host(
    ip: str,
    domain: str,
    sender: str,
    helo: str,
    dns: AuthenticationDns,
    *,
    now: float,
    receiver: str = "unknown",
    limits: SpfLimits | None = None,
) -> SpfResult:
    """`ip` is the client's address, `domain` the one whose record is asked, `sender` the whole address (a missing local
    part becomes postmaster), `helo` what the client called itself, `receiver` the own name for `%{r}`. Domains may be
    written in U-labels. Raises nothing but for an `ip` that is none (ValueError)."""
    limits = limits or SpfLimits()
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    evaluation = _Evaluation(address, sender, helo, dns, now, receiver, limits)
    try:
        async with asyncio.timeout(limits.seconds):
            return await evaluation.check(a_labels(domain), explain=True)
    except TimeoutError:
        return SpfResult(SpfCode.TEMPERROR, problem="it took too long")
    except DnsFailure as error:
        return SpfResult(SpfCode.TEMPERROR, problem=f"DNS: {error}")
    except (_PermError, SpfSyntaxError) as error:
        return SpfResult(SpfCode.PERMERROR, problem=str(error))


class _Evaluation:
    """One check with what it has used up."""

    def __init__(
        self,
        ip: IPv4Address | IPv6Address,
        sender: str,
        helo: str,
        dns: AuthenticationDns,
        now: float,
        receiver: str,
        limits: SpfLimits,
    ) -> None:
        local, _, domain = sender.rpartition("@")
        self._ip = ip
        self._local = local or "postmaster"
        self._sender_domain = a_labels(domain)
        self._helo = a_labels(helo)
        self._dns = dns
        self._now = now
        self._receiver = receiver
        self._limits = limits
        self._terms = 0
        self._voids = 0
        self._validated: list[str] | None = None

    async def check(self, domain: str, *, explain: bool) -> SpfResult:
        """The result for one record. Errors are raised, so that they end the outer checks too."""
        if not _is_full_domain(domain):
            return SpfResult(SpfCode.NONE, problem="no full domain name")
        found = select(await self._dns.txt(domain))
        if not found:
            return SpfResult(SpfCode.NONE, problem="no SPF record")
        if len(found) > 1:
            raise _PermError(f"{domain} has more than one SPF record")
        if len(found[0]) > self._limits.record_characters:
            raise _PermError(f"the SPF record of {domain} is too long")
        # answers that are remembered come without a pause, and others want their turn between long records
        await asyncio.sleep(0)
        record = parse_record(found[0])
        for directive in record.directives:
            if await self._matches(directive, domain):
                code = SpfCode[directive.qualifier.name]
                told = await self._explanation(record, domain) if explain and code is SpfCode.FAIL else None
                return SpfResult(code, directive.text, told)
        if record.redirect is None:
            return SpfResult(SpfCode.NEUTRAL, "default")
        return await self._redirected(record.redirect, domain, explain)

    async def _redirected(self, redirect: MacroString, domain: str, explain: bool) -> SpfResult:
        self._count_term()
        try:
            target = await self._target(redirect, domain)
        except _NoMatch:
            target = ""
        result = await self.check(target, explain=explain)
        if result.code is SpfCode.NONE:
            raise _PermError(f"redirect to {target}: {result.problem}")
        return result

    # mechanisms (§5)

    async def _matches(self, directive: Directive, domain: str) -> bool:
        if directive.kind in LOOKING_UP:
            self._count_term()
        try:
            return await self._asks(directive, domain)
        except _NoMatch:
            return False

    async def _asks(self, directive: Directive, domain: str) -> bool:
        target = domain if directive.domain is None else await self._target(directive.domain, domain)
        match directive.kind:
            case Kind.ALL:
                return True
            case Kind.IP4 | Kind.IP6:
                return directive.network is not None and self._ip in directive.network
            case Kind.INCLUDE:
                return await self._included(target)
            case Kind.A:
                return self._is_near(await self._addresses(target, count=True), directive)
            case Kind.MX:
                return await self._mx(target, directive)
            case Kind.PTR:
                return any(_is_within(name, target) for name in await self._validated_names(count=True))
            case Kind.EXISTS:
                return is_queryable(target) and bool(self._counted(await self._dns.ipv4(target)))

    async def _included(self, target: str) -> bool:
        result = await self.check(target, explain=False)
        if result.code is SpfCode.NONE:
            raise _PermError(f"include of {target}: {result.problem}")
        return result.code is SpfCode.PASS

    async def _mx(self, target: str, directive: Directive) -> bool:
        if not is_queryable(target):
            return False
        hosts = self._counted(await self._dns.exchangers(target))
        if len(hosts) > self._limits.names:
            raise _PermError(f"{target} has more than {self._limits.names} MX records")
        for host in hosts:
            if self._is_near(await self._addresses(host, count=False), directive):
                return True
        return False

    async def _addresses(self, name: str, *, count: bool) -> list[str]:
        """Of the client's kind."""
        if not is_queryable(name):
            return []
        found = await (self._dns.ipv4(name) if self._ip.version == 4 else self._dns.ipv6(name))
        return self._counted(found) if count else found

    def _is_near(self, addresses: list[str], directive: Directive) -> bool:
        length = directive.cidr4 if self._ip.version == 4 else directive.cidr6
        network = ip_network((self._ip, length), strict=False)
        return any(ip_address(address) in network for address in addresses)

    async def _validated_names(self, *, count: bool) -> list[str]:
        """Names of the client that lead back to its address (§5.5); asked for once. An error means no name."""
        if self._validated is None:
            try:
                names = await self._dns.names(str(self._ip))
            except DnsFailure:
                names = []
            else:
                if count:
                    self._counted(names)
            self._validated = []
            for name in names[: self._limits.names]:
                try:
                    addresses = await self._addresses(name, count=False)
                except DnsFailure:
                    continue
                if any(self._ip == ip_address(address) for address in addresses):
                    self._validated.append(name.lower())
        return self._validated

    # limits (§4.6.4)

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > self._limits.terms:
            raise _PermError(f"more than {self._limits.terms} terms that ask DNS")

    def _counted(self, found: list[str]) -> list[str]:
        if not found:
            self._voids += 1
            if self._voids > self._limits.void_lookups:
                raise _PermError(f"more than {self._limits.void_lookups} look-ups without an answer")
        return found

    # macros (§7) and explanations (§6.2)

    async def _target(self, spec: MacroString, domain: str) -> str:
        """The name to ask for: cut from the left to what a name may hold (§7.3)."""
        name = (await expand(spec, partial(self._value, domain))).removesuffix(".")
        if len(name) > MAX_NAME:
            name = name[-MAX_NAME - 1 :].partition(".")[2]
        return name

    async def _explanation(self, record: SpfRecord, domain: str) -> str | None:
        """None for whatever is wrong with it."""
        if record.explanation is None:
            return None
        try:
            name = await self._target(record.explanation, domain)
            texts = await self._dns.txt(name) if is_queryable(name) else []
            if len(texts) != 1 or len(texts[0]) > self._limits.record_characters:
                return None
            told = await expand(parse_macro_string(texts[0], explanation=True), partial(self._value, domain))
        except (SpfSyntaxError, DnsFailure, _NoMatch):
            return None
        return told[:MAX_EXPLANATION] if _PRINTABLE.fullmatch(told) else None

    async def _value(self, domain: str, letter: str) -> str:
        match letter:
            case "s":
                value = f"{self._local}@{self._sender_domain}"
            case "l":
                value = self._local
            case "o":
                value = self._sender_domain
            case "d":
                value = domain
            case "i":
                value = str(self._ip) if self._ip.version == 4 else ".".join(f"{int(self._ip):032X}")
            case "p":
                value = await self._client_name(domain)
            case "v":
                value = "in-addr" if self._ip.version == 4 else "ip6"
            case "h":
                value = self._helo
            case "c":
                value = str(self._ip)
            case "r":
                value = self._receiver
            case _:
                value = str(int(self._now))
        if not value.isascii():
            # RFC 8616 §4: a local part beyond ASCII can be no label
            raise _NoMatch
        return value

    async def _client_name(self, domain: str) -> str:
        """The client's validated name: the domain itself before its subdomains before any other (§7.3)."""
        names = await self._validated_names(count=False)
        if domain.lower() in names:
            return domain
        return next((name for name in names if _is_within(name, domain)), names[0] if names else "unknown")


def _is_full_domain(name: str) -> bool:
    """§4.3: at least two labels, and a name that can be asked for; no address, no domain literal."""
    top = name.rpartition(".")[2]
    return "." in name and is_queryable(name) and not top.isdigit() and not name.startswith("[")


def _is_within(name: str, domain: str) -> bool:
    name, domain = name.lower(), domain.lower()
    return name == domain or name.endswith("." + domain)
