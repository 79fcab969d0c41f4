"""Is the server an open relay? Really tried at each SMTP and LMTP port, from an address that may not relay; no message is ever
sent, an accepted RCPT is proof enough."""

import contextlib
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from compostela.core.autoconfiguration.endpoints import Endpoint, Proxied
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject
from compostela.doctor.wire.dialogue import NAME, STRANGERS, ComesFrom, Dialogue, DialogueFailed, dialogue
from compostela.doctor.wire.relay_tricks import Trick, tricks

_WHY = "Spammers find an open relay within hours; then every block list has its address, and no mail is taken from it."
MAX_CONNECTIONS = 20
"""A server may close after so many errors: then the attempts go on over a new connection, up to a limit."""
MAX_SHOWN = 5
MAX_DOMAINS = 20
"""In so many of the server's domains an unknown user is tried."""
FOREIGN_DOMAINS = ("example.com", "example.net", "example.org", "relay-test.example")
"""Tried as recipients in this order, each only if the server does not manage it."""
WIDE_PREFIX = {4: 16, 6: 32}
"""A public network that is larger than this is hardly one's own."""


@dataclass(slots=True)
class _Attempts:
    """What became of all attempts at one port."""

    tried: int = 0
    accepted: list[tuple[str, Trick]] = field(default_factory=list)
    deferred: int = 0
    senders_taken: int = 0
    last_refusal: str = ""
    """Of a sender."""
    left: int = 0
    takes_unknown_users: bool = False
    """In the first domain."""
    unknown_taken_in: list[str] = field(default_factory=list)
    unknown_refused: bool = False
    """In one of the domains at least."""


async def check_relay(subject: Subject, endpoint: Endpoint) -> list[Finding]:
    found = list(_networks(endpoint))
    origin = _stranger(endpoint)
    if origin is None:
        text = f"Relaying over {endpoint} was not tried: every address this machine can come from is authorised."
        fix = f"try from elsewhere, or take this machine out of <authorizedAddresses> of {endpoint.name}"
        return [*found, Finding(Severity.INFO, str(endpoint), text, _WHY, fix)]
    try:
        # a name with a dot is what a server is most lenient with; where names are looked up in DNS the address is left
        attempts = await _try_all(subject, endpoint, origin, NAME)
        if not attempts.senders_taken:
            attempts = await _try_all(
                subject, endpoint, origin, _literal(origin.announced or origin.local or origin.host)
            )
    except DialogueFailed as error:
        text = f"Relaying could not be tried: {error}."
        return [*found, Finding(Severity.WARNING, str(endpoint), text, _WHY)]
    return [*found, *_judged(endpoint, attempts, origin.announced or origin.local or origin.host)]


def _networks(endpoint: Endpoint) -> Iterator[Finding]:
    """What `authorizedAddresses` itself says."""
    for network in endpoint.authorized:
        fix = f"<authorizedAddresses> of {endpoint.name} without {network}"
        if network.prefixlen == 0:
            text = f"Everybody may relay over {endpoint}: {network} is authorised."
            yield Finding(Severity.ERROR, str(endpoint), text, _WHY, fix)
        elif not network.is_private and network.prefixlen < WIDE_PREFIX[network.version]:
            text = f"A large part of the Internet may relay over {endpoint}: {network} is authorised."
            yield Finding(Severity.ERROR, str(endpoint), text, _WHY, fix)
    if _is_authorised(endpoint, "127.0.0.1"):
        text = f"Programs on this machine may relay over {endpoint} without a login."
        why = "A web form that can be abused is enough then."
        yield Finding(
            Severity.INFO, str(endpoint), text, why, f"<authorizedAddresses> of {endpoint.name} without 127.0.0.1"
        )


def _is_authorised(endpoint: Endpoint, address: str) -> bool:
    known = ip_address(address)
    return any(known in network for network in endpoint.authorized)


def _stranger(endpoint: Endpoint) -> ComesFrom | None:
    """An address that this machine can come from and that is not authorised."""
    if endpoint.proxied is not Proxied.NO:
        fitting = [one for one in STRANGERS if not _is_authorised(endpoint, one)]
        return ComesFrom(endpoint.host, announced=fitting[0]) if fitting else None
    for origin in _origins(endpoint):
        if not _is_authorised(endpoint, origin.local or origin.host):
            return origin
    return None


def _origins(endpoint: Endpoint) -> Iterator[ComesFrom]:
    if endpoint.everywhere:
        # a client on this machine that connects to one of its addresses has that address itself
        own = _own_address(6 if ":" in endpoint.host else 4)
        if own is not None:
            yield ComesFrom(own, own)
    if ip_address(endpoint.host) in (ip_address("127.0.0.1"), ip_address("0.0.0.0")):
        for local in ("127.0.0.1", "127.99.25.25"):
            yield ComesFrom(endpoint.host, local)
    else:
        yield ComesFrom(endpoint.host, endpoint.host)


def _own_address(version: int) -> str | None:
    """The address by which this machine goes out; no packet is sent for it."""
    family, elsewhere = (socket.AF_INET, STRANGERS[0]) if version == 4 else (socket.AF_INET6, "2001:db8::77")
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((elsewhere, 9))
        address: str = probe.getsockname()[0]
        return address
    return None


def _literal(address: str) -> str:
    """RFC 5321 §4.1.3."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _try_all(subject: Subject, endpoint: Endpoint, origin: ComesFrom, helo: str) -> _Attempts:
    own = next(iter(subject.domains), subject.host)
    recipient = _foreign(subject)
    address = next(iter(subject.settings.addresses), origin.host)
    known = tricks(recipient, own, subject.host, address)
    pending = [
        (sender, trick) for sender in (f"relay-test@{NAME}", "", f"postmaster@{own}", recipient) for trick in known
    ]
    attempts = _Attempts()
    others = list(subject.domains[1:MAX_DOMAINS])
    for _ in range(MAX_CONNECTIONS):
        async with dialogue(endpoint, origin) as talk:
            greeting = await talk.reply()
            if not greeting.is_positive:
                raise DialogueFailed(f"{endpoint} greets with {greeting.text}")
            if not attempts.tried:
                attempts.takes_unknown_users = await _try_unknown(talk, helo, own, attempts)
            with contextlib.suppress(DialogueFailed):
                while others:
                    await _try_unknown(talk, helo, others.pop(), attempts)
                await _work_off(talk, helo, pending, attempts)
        if not pending:
            break
    attempts.left = len(pending)
    return attempts


def _foreign(subject: Subject) -> str:
    """A recipient in a domain that the server does not manage."""
    local, _, domain = subject.settings.relay_recipient.rpartition("@")
    free = (one for one in (domain, *FOREIGN_DOMAINS) if one.lower() not in subject.domains)
    return f"{local}@{next(free, domain)}"


async def _try_unknown(talk: Dialogue, helo: str, domain: str, attempts: _Attempts) -> bool:
    """Whether the server accepts a recipient of the domain that surely does not exist."""
    unknown = f"<no-such-user-{secrets.token_hex(6)}@{domain}>"
    await talk.command(f"{talk.endpoint.speaks.hello} {helo}")
    mail = await talk.command("MAIL FROM:<>")
    accepted = False
    if mail.is_positive:
        recipient = await talk.command(f"RCPT TO:{unknown}")
        accepted = recipient.is_positive
    attempts.tried += 1
    if accepted:
        attempts.unknown_taken_in.append(domain)
    else:
        attempts.unknown_refused = True
    await talk.command("RSET")
    return accepted


async def _work_off(talk: Dialogue, helo: str, pending: list[tuple[str, Trick]], attempts: _Attempts) -> None:
    """What was tried is taken away from the front, so that a broken connection costs nothing but itself."""
    await talk.command(f"{talk.endpoint.speaks.hello} {helo}")
    smtputf8 = "SMTPUTF8" in talk.offered
    current: tuple[str, bool] | None = None
    begun = False
    while pending:
        sender, trick = pending[0]
        extended = trick.smtputf8 and smtputf8
        if current != (sender, extended):
            await talk.command("RSET")
            mail = await talk.command(f"MAIL FROM:<{sender}>{' SMTPUTF8' if extended else ''}")
            current, begun = (sender, extended), mail.is_positive
            attempts.senders_taken += begun
            attempts.last_refusal = attempts.last_refusal if begun else mail.text
        if begun:
            reply = await talk.command(f"RCPT TO:{trick.argument}")
            if reply.is_positive:
                attempts.accepted.append((sender, trick))
            attempts.deferred += reply.is_deferral
        attempts.tried += 1
        del pending[0]


def _judged(endpoint: Endpoint, attempts: _Attempts, origin: str) -> list[Finding]:
    found = []
    open_by = [
        (sender, trick) for sender, trick in attempts.accepted if trick.foreign or not attempts.takes_unknown_users
    ]
    if open_by:
        shown = [
            f"MAIL FROM:<{sender}> RCPT TO:{trick.argument} ({trick.name})" for sender, trick in open_by[:MAX_SHOWN]
        ]
        more = f" and {len(open_by) - MAX_SHOWN} more" if len(open_by) > MAX_SHOWN else ""
        text = f"{endpoint} relays for strangers: it took {'; '.join(shown)}{more}, from {origin}."
        fix = (
            f"in {endpoint.speaks.file}, server {endpoint.name}: only your own networks in <authorizedAddresses>, no hook that "
            "accepts every recipient, and no mapping that sends a whole domain elsewhere"
        )
        found.append(Finding(Severity.ERROR, str(endpoint), text, _WHY, fix))
    if attempts.unknown_taken_in:
        text = f"{endpoint} takes mail for users that do not exist"
        why = "It bounces later, to forged senders: others count that as spam."
        fix = f'<handler class="ValidRcptHandler"/> in the <handlerchain> of {endpoint.name}'
        if attempts.unknown_refused:
            text += f" in {', '.join(sorted(attempts.unknown_taken_in))}"
            fix = (
                "<recipientRewriteTableCheck>anyMappingValid</recipientRewriteTableCheck> in the ValidRcptHandler of "
                f"{endpoint.name}, or take away the mapping that gives the whole domain to others"
            )
        found.append(Finding(Severity.WARNING, str(endpoint), f"{text}.", why, fix))
    if attempts.deferred:
        text = f"{attempts.deferred} of {attempts.tried} attempts to relay over {endpoint} were only put off (4xx)."
        why = "Greylisting or a rate limit stood before the rule: what it would have said is not known."
        found.append(Finding(Severity.INFO, str(endpoint), text, why))
    if attempts.left:
        text = f"{attempts.left} ways to relay over {endpoint} were not tried: it closes the connection too often."
        found.append(Finding(Severity.INFO, str(endpoint), text, _WHY))
    if not attempts.senders_taken and not endpoint.login_required:
        text = f"{endpoint} takes no mail from {origin} at all: {attempts.last_refusal}"
        why = "Another rule stood before that of relaying: what that would have said to others is not known."
        return [*found, Finding(Severity.INFO, str(endpoint), text, why, "try from elsewhere")]
    if not open_by:
        text = f"{endpoint} refused all {attempts.tried} attempts to relay, from {origin}."
        if attempts.takes_unknown_users:
            text = f"{endpoint} relayed no mail in {attempts.tried} attempts, from {origin}."
        found.append(Finding(Severity.OK, str(endpoint), text))
    return found
