"""The certificates that are served: names, dates, and whether mail programs will trust them."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace

from compostela.core.autoconfiguration.endpoints import SMTP_PORT, Endpoint, Speaks
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Certificate, Subject
from compostela.doctor.wire.certificates import read_certificate
from compostela.doctor.wire.dialogue import DialogueFailed, dialogue

DAY_SECONDS = 86_400
_KEY = "<privateKey> and <certificates>, or <keystore>, in the <tls> block"


async def check_certificates(subject: Subject, endpoints: Sequence[Endpoint]) -> list[Finding]:
    """Each certificate once, with the ports that serve it. Without a port that answers, the one of the configuration."""
    encrypted = [one for one in endpoints if one.encrypted]
    if not encrypted:
        known = subject.certificate
        return _judged(subject, known, "configuration") if known is not None else []
    found: list[Finding] = []
    served: dict[bytes, list[Endpoint]] = {}
    exchanger = _exchanger(subject)
    for endpoint, der in zip(encrypted, await asyncio.gather(*map(_served, encrypted)), strict=True):
        if isinstance(der, bytes):
            if endpoint == exchanger and subject.certificate is not None and der != subject.certificate.der:
                text = f"{endpoint} serves another certificate than the one in its files."
                fix = "compostela certificate reload"
                found.append(Finding(Severity.WARNING, str(endpoint), text, "A renewed one is not in use yet.", fix))
            served.setdefault(der, []).append(endpoint)
        else:
            text = f"{endpoint} serves no certificate: {der}."
            found.append(Finding(Severity.ERROR, str(endpoint), text, "Clients cannot use TLS there.", _KEY))
    for der, where in served.items():
        ports = ", ".join(f"{one.name} {one.port}" for one in where)
        certificate = read_certificate(der)
        found += _judged(subject, certificate, ports)
        found.append(await _trust(subject, where[0], ports, any(one.login for one in where)))
    return found


def _exchanger(subject: Subject) -> Endpoint | None:
    """The port with TLS that other servers send to: 25, otherwise the first. Its certificate is that of `subject`."""
    fitting = [one for one in subject.endpoints if one.speaks is Speaks.SMTP and one.encrypted]
    return min(fitting, key=lambda one: one.port != SMTP_PORT, default=None)


async def as_served(subject: Subject, endpoints: Sequence[Endpoint]) -> Subject:
    """With the certificate that other servers really see; that of the files when none is served.
    `endpoints` are those that answer."""
    exchanger = _exchanger(subject)
    der = await _served(exchanger) if exchanger is not None and exchanger in endpoints else ""
    return replace(subject, certificate=read_certificate(der)) if isinstance(der, bytes) else subject


async def _served(endpoint: Endpoint) -> bytes | str:
    """The certificate, or what is wrong."""
    try:
        return await _handshake(endpoint, None)
    except DialogueFailed as error:
        return str(error)


async def _handshake(endpoint: Endpoint, context: ssl.SSLContext | None) -> bytes:
    async with dialogue(endpoint, context=context) as talk:
        if not endpoint.implicit:
            await talk.greeting()
            await talk.secure(context)
        tls = talk.tls
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        if der is None:
            raise DialogueFailed(f"{endpoint} shows no certificate")
        return der


def _judged(subject: Subject, certificate: Certificate, ports: str) -> list[Finding]:
    now = time.time()
    left = (certificate.not_after - now) / DAY_SECONDS
    end = time.strftime("%Y-%m-%d", time.gmtime(certificate.not_after))
    found = []
    why = "Mail programs refuse to connect, and so do servers that check (MTA-STS)."
    if certificate.not_before > now:
        found.append(
            Finding(Severity.ERROR, ports, "The certificate is not valid yet.", why, "the machine's time, or " + _KEY)
        )
    if left < 0:
        found.append(Finding(Severity.ERROR, ports, f"The certificate ended on {end}.", why, _KEY))
    elif left < subject.settings.certificate_days:
        found.append(Finding(Severity.WARNING, ports, f"The certificate ends in {left:.0f} days, on {end}.", why, _KEY))
    if not certificate.covers(subject.host):
        text = f"The certificate is for {', '.join(certificate.names[:5]) or 'no name'}, not for {subject.host}."
        severity = Severity.ERROR if subject.policy.mode == "enforce" else Severity.WARNING
        found.append(Finding(severity, ports, text, why, f"a certificate with the name {subject.host}: {_KEY}"))
    return found or [Finding(Severity.OK, ports, f"The certificate is for {subject.host} and valid until {end}.")]


async def _trust(subject: Subject, endpoint: Endpoint, ports: str, login: bool) -> Finding:
    context = ssl.create_default_context()
    context.check_hostname = False
    try:
        await _handshake(endpoint, context)
    except DialogueFailed as error:
        cause = error.__cause__
        reason = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else str(error)
        if subject.policy.mode == "enforce":
            severity, why = (
                Severity.ERROR,
                "The MTA-STS policy is enforced: servers that keep to it do not deliver here.",
            )
        elif login:
            severity, why = Severity.WARNING, "Mail programs warn their users, or refuse to connect."
        else:
            severity, why = (
                Severity.INFO,
                "Most servers deliver all the same, but they cannot tell you from an impostor.",
            )
        text = f"The certificate is not trusted: {reason}."
        return Finding(severity, ports, text, why, f"a certificate of a public authority: {_KEY}")
    return Finding(Severity.OK, ports, "The certificate is trusted by the machine's authorities.")
