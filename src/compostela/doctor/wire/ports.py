"""Which ports answer, here and by the public address; what is not listened on that should be."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from compostela.core.autoconfiguration.endpoints import SMTP_PORT, Endpoint, Proxied, Speaks
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject
from compostela.doctor.wire.dialogue import Dialogue, DialogueFailed, dialogue

OUTSIDE_SECONDS = 5.0
_GREETINGS = {Speaks.IMAP: "* OK", Speaks.POP3: "+OK"}
"""SMTP and LMTP greet with 220."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of greeting a port; `problem` is empty when it answered."""

    endpoint: Endpoint
    problem: str = ""


async def knock(endpoints: Sequence[Endpoint]) -> list[Answer]:
    return list(await asyncio.gather(*map(_knock, endpoints)))


async def _knock(endpoint: Endpoint) -> Answer:
    if endpoint.proxied is Proxied.BY_OTHERS:
        return Answer(endpoint, f"{endpoint} takes connections from its proxies only, and this machine is none of them")
    try:
        async with dialogue(endpoint) as talk:
            await _greeted(talk)
    except DialogueFailed as error:
        return Answer(endpoint, str(error))
    return Answer(endpoint)


async def _greeted(talk: Dialogue) -> None:
    greeting = await talk.greeting()
    if not greeting.startswith(_GREETINGS.get(talk.endpoint.speaks, "220")):
        raise DialogueFailed(f"{talk.endpoint} greets with {greeting[:100]!r}")


def is_running(answers: Sequence[Answer]) -> bool:
    return any(not one.problem for one in answers)


async def check_ports(subject: Subject, answers: Sequence[Answer], public: Sequence[str]) -> list[Finding]:
    """`public` are the addresses by which the Internet knows the server."""
    if not subject.endpoints:
        text = "No server is configured: none of smtpserver.xml, imapserver.xml and pop3server.xml has one."
        return [Finding(Severity.ERROR, "server", text, fix="copy the sample configuration conf/")]
    if not is_running(answers):
        text = "The server does not run here: none of its ports answers. What needs a running server was not examined."
        return [Finding(Severity.ERROR, "server", text, fix="compostela serve")]
    found = []
    for answer in answers:
        if answer.endpoint.proxied is Proxied.BY_OTHERS:
            text, fix = (
                f"{answer.problem}: it was not examined.",
                f"127.0.0.1 in <proxyNetworks> of {answer.endpoint.name}",
            )
            found.append(Finding(Severity.INFO, str(answer.endpoint), text, fix=fix))
        elif answer.problem:
            text, why = f"{answer.problem}.", "Clients of this port are not served."
            found.append(Finding(Severity.ERROR, str(answer.endpoint), text, why, "see the server's log"))
        else:
            found.append(Finding(Severity.OK, str(answer.endpoint), f"{answer.endpoint} answers."))
    found += _missing(subject)
    # the public address of a server that expects a PROXY header belongs to the proxy
    direct = [one.endpoint for one in answers if not one.problem and one.endpoint.proxied is Proxied.NO]
    outside = [(endpoint, address) for endpoint in direct for address in public]
    found += await asyncio.gather(*(_from_outside(endpoint, address) for endpoint, address in outside))
    return found


def _missing(subject: Subject) -> list[Finding]:
    smtp = [one for one in subject.endpoints if one.speaks is Speaks.SMTP]
    found = [
        Finding(
            Severity.WARNING,
            str(one),
            f"{one.name} takes LMTP from all addresses of the machine.",
            "LMTP has no login: any client that reaches the port delivers past all that SMTP checks.",
            f"<bind>127.0.0.1:{one.port}</bind> of {one.name} in lmtpserver.xml, or a firewall",
        )
        for one in subject.endpoints
        if one.speaks is Speaks.LMTP and one.everywhere
    ]
    if smtp and all(one.port != SMTP_PORT for one in smtp):
        text = "No SMTP server listens on port 25."
        why = "Other servers deliver to port 25 only: mail comes in only if something maps that port to this server."
        fix = f"<bind>0.0.0.0:25</bind> of {smtp[0].name} in smtpserver.xml, or a mapping in the firewall"
        found.append(Finding(Severity.WARNING, "port 25", text, why, fix))
    if smtp and all(ip_address(one.host).is_loopback and not one.everywhere for one in subject.endpoints):
        text = "All servers listen on the loopback address only."
        fix = "<bind>0.0.0.0:25</bind> in smtpserver.xml, and so on"
        found.append(Finding(Severity.WARNING, "server", text, "Other machines cannot reach them.", fix))
    return found


async def _from_outside(endpoint: Endpoint, address: str) -> Finding:
    """From this machine the public address is only a hint: many routers do not lead back what comes from inside."""
    where = f"[{address}]:{endpoint.port}" if ":" in address else f"{address}:{endpoint.port}"
    try:
        async with asyncio.timeout(OUTSIDE_SECONDS), dialogue(replace(endpoint, host=address)) as talk:
            await _greeted(talk)
    except (DialogueFailed, TimeoutError):
        text = f"{endpoint.name} could not be reached at {where} from this machine."
        why = "A firewall may be closed, or a router may not lead back what comes from inside: try from elsewhere."
        return Finding(Severity.INFO, where, text, why)
    return Finding(Severity.OK, where, f"{endpoint.name} can be reached at {where}.")
