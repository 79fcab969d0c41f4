"""Block lists in DNS (RFC 5782): of the client's address, and of the domains that a message's URIs name.

A list that does not answer in time, or that refuses to, lists nothing: it is logged, and the mail goes on. Only where a white
list is silent about a client on a black list is the client told to come again."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Integer, Many
from compostela.base.declared import Declared, read
from compostela.base.settings import Settings
from compostela.core.blob.model import CHUNK_BYTES, MessageContent, Octets
from compostela.core.mail.model import Mail
from compostela.core.networks import reversed_address
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mime import parameters, uris
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import decoded_text
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext
from compostela.smtp_hooks.lookups import (
    ClientCheckSettings,
    LookupSettings,
    TimeLeft,
    detail,
    first_listed,
    is_listed,
    parse_zone,
)

_log = logging.getLogger(__name__)

MAX_TEXT_BYTES = 1024 * 1024
"""Octets of a message's text parts in which URIs are looked for."""
AT_ONCE_BYTES = 8 * 1024
"""A larger body is searched in another thread."""
_UNSURE = defer(451, "4.7.1", "Temporarily rejected: Problem on block list lookup")


@dataclass(frozen=True, slots=True)
class DNSRBLHandlerSettings(LookupSettings, Declared):
    """Parameters of `DNSRBLHandler`."""

    blacklists: Annotated[tuple[str, ...], Many("rblservers/blacklist", parse_zone)] = ()
    """Lists of clients that are refused."""
    whitelists: Annotated[tuple[str, ...], Many("rblservers/whitelist", parse_zone)] = ()
    """Lists of clients that are let in, even if they are on a black list."""
    with_detail: Annotated[bool, Boolean("getDetail")] = False
    """Whether the reply has the list's own words."""

    def completed(self, settings: Settings) -> Self:
        if not self.blacklists and not self.whitelists:
            settings.error("DNSRBLHandler needs a 'whitelist' or 'blacklist' in 'rblservers'")
        return self


class DNSRBLHandler(SmtpHook):
    """Refuses at RCPT mail from an address on a black list and on no white list. The lists are asked once a connection, the black
    ones all together and the white ones only about a client on a black one. Clients that may relay are not looked up. The refusal
    comes at RCPT and not before, so that a client that is listed by mistake can write to the postmaster."""

    parameters = DNSRBLHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._settings = read(DNSRBLHandlerSettings, settings)
        self._dns = context.dns

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if session.relaying_allowed:
            return DECLINED
        known = session.remembered.get(self)
        if not isinstance(known, HookResult):
            known = await self._judge(session.remote_address)
            session.remembered[self] = known
        return known

    async def _judge(self, address: str) -> HookResult:
        try:
            name = reversed_address(address)
        except ValueError:
            return DECLINED
        left = TimeLeft(self._settings.limit_seconds)
        black = await first_listed(self._dns, [f"{name}.{zone}" for zone in self._settings.blacklists], left.seconds)
        _log_silent(black.unanswered)
        if black.listed is None:
            return DECLINED
        white = await first_listed(self._dns, [f"{name}.{zone}" for zone in self._settings.whitelists], left.seconds)
        _log_silent(white.unanswered)
        if white.listed is not None:
            return DECLINED
        if white.unanswered:
            return _UNSURE
        zone = black.listed.removeprefix(f"{name}.")
        _log.info("a client is on a block list", extra={"ip": address, "list": zone})
        told = await detail(self._dns, black.listed, left.seconds) if self._settings.with_detail else None
        return deny(554, "5.7.1", told or f"Rejected: mail from {address} is refused, see the block list {zone}")


@dataclass(frozen=True, slots=True)
class URIRBLHandlerSettings(ClientCheckSettings, Declared):
    """Parameters of `URIRBLHandler`."""

    WITHOUT_EFFECT = ("action",)

    zones: Annotated[tuple[str, ...], Many("uriRblServers/server", parse_zone, required=True)] = ()
    """Lists of domains."""
    with_detail: Annotated[bool, Boolean("getDetail")] = False
    """Whether the reply has the list's own words."""
    max_domains: Annotated[int, Integer("maxDomains", minimum=1, maximum=200)] = 20
    """Domains of one message that are looked up, each by two names at most."""


class URIRBLHandler(SmtpHook):
    """Refuses a message whose text names a domain on a list: in http, https, ftp and mailto URIs of its text parts, with
    transfer encodings, character references and percent signs undone. Asked for are the last two and the last three
    labels of a host, of which one is the registered domain, and IPv4 addresses reversed. Clients that may relay are not
    looked at, unless `checkAuthNetworks` is true."""

    parameters = URIRBLHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._settings = read(URIRBLHandlerSettings, settings)
        self._dns = context.dns

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if session.relaying_allowed and not self._settings.checks_all:
            return DECLINED
        domains = await _named_domains(mail.content, 2 * self._settings.max_domains)
        names = [f"{domain}.{zone}" for domain in domains for zone in self._settings.zones]
        if not names:
            return DECLINED
        left = TimeLeft(self._settings.limit_seconds)
        found = await first_listed(self._dns, names, left.seconds, _is_listed_domain)
        _log_silent(found.unanswered)
        if found.listed is None:
            return DECLINED
        zone = next(zone for zone in self._settings.zones if found.listed.endswith(f".{zone}"))
        domain = _as_written(found.listed.removesuffix(f".{zone}"))
        _log.info("a message names a domain on a block list", extra={"domain": domain, "list": zone, "mail": mail.name})
        told = await detail(self._dns, found.listed, left.seconds) if self._settings.with_detail else None
        return deny(554, "5.7.0", told or f"Rejected: the message names {domain}, which is on the list {zone}")


async def _named_domains(content: MessageContent, most: int) -> list[str]:
    def of(body: Octets) -> list[str]:
        return named_domains(content.header, body, most)

    if AT_ONCE_BYTES < content.body.size <= CHUNK_BYTES:
        # much slower than what else is done at once to a body that is kept in memory
        return await asyncio.to_thread(of, await content.body.read())
    return await content.body.apply(of)


def named_domains(header: bytes, body: Octets, most: int) -> list[str]:
    """What lists are asked about a message, at most so many names: domains, and addresses reversed."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    room = MAX_TEXT_BYTES
    waiting = [describe(header, body).root]
    while waiting and room > 0:
        part = waiting.pop()
        waiting += reversed(part.children)
        if part.type != b"text":
            continue
        start, end = part.body
        data = bytes(body[start : min(end, start + room)])
        room -= len(data)
        for host in uris.hosts(_text(part, data), is_html=part.subtype == b"html", seen=seen):
            for candidate in _candidates(host):
                found[candidate] = None
            if len(found) >= most:
                return list(found)[:most]
    return list(found)


def _text(part: Part, data: bytes) -> str:
    return decoded_text(data, part.encoding, parameters.get(part.parameters, b"charset"))


def _candidates(host: str) -> list[str]:
    """The names to look up. There is no list of public suffixes: for a.b.example.co.uk they are co.uk, which no list has, and
    example.co.uk."""
    labels = host.split(".")
    if labels[-1].isdigit():
        try:
            return [reversed_address(str(ip_address(host)))]
        except ValueError:
            return []
    return [".".join(labels[-count:]) for count in (2, 3) if len(labels) >= count]


def _as_written(name: str) -> str:
    labels = name.split(".")
    return ".".join(reversed(labels)) if labels[-1].isdigit() else name


def _is_listed_domain(addresses: Sequence[str]) -> bool | None:
    """With 127.0.0.1 lists of domains say that they refuse to answer."""
    return None if "127.0.0.1" in addresses else is_listed(addresses)


def _log_silent(names: Sequence[str]) -> None:
    if names:
        _log.warning("block lists gave no answer", extra={"names": ", ".join(names[:5]), "count": len(names)})


HOOKS: dict[str, type[SmtpHook]] = {
    "DNSRBLHandler": DNSRBLHandler,
    "URIRBLHandler": URIRBLHandler,
}
