"""The records to publish for each domain, from the server's own configuration."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from compostela.core.autoconfiguration.endpoints import ServiceKind, Speaks
from compostela.core.autoconfiguration.mta_sts import POLICY_PATH
from compostela.doctor.subject import DkimKey, Subject, is_public_name, is_within

_STRING_OCTETS = 255
_POP3_PRIORITY = 20
"""RFC 6186 §3.4: mail programs prefer IMAP."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. The value of a TXT record is its text; all others are in presentation form."""

    name: str
    type: str
    value: str
    purpose: str

    @property
    def presentation(self) -> str:
        """The value as a zone file has it (RFC 1035 §5.1): a text in strings of at most 255 octets."""
        if self.type != "TXT":
            return self.value
        pieces = [self.value[at : at + _STRING_OCTETS] for at in range(0, len(self.value), _STRING_OCTETS)] or [""]
        return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)

    def __str__(self) -> str:
        return f"{self.name}. {self.type} {self.presentation}"


@dataclass(frozen=True, slots=True)
class Publication:
    """All that is to be published in one zone."""

    zone: str
    records: tuple[Record, ...]
    policy_url: str = ""
    policy_text: str = ""
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As JSON."""
        policy = {"url": self.policy_url, "text": self.policy_text} if self.policy_url else None
        return {
            "zone": self.zone,
            "records": [
                {
                    "name": one.name,
                    "type": one.type,
                    "value": one.value,
                    "zoneFile": one.presentation,
                    "purpose": one.purpose,
                }
                for one in self.records
            ],
            "mtaStsPolicy": policy,
            "notes": list(self.notes),
        }


def publications(subject: Subject) -> list[Publication]:
    """One for each domain; that in which the server's own name lies has its records too, and when it lies in none there is
    one more. Domains that others cannot look up, such as `localhost`, only when there is no other."""
    public = [domain for domain in subject.domains if is_public_name(domain)]
    found = [_of_domain(subject, domain) for domain in public or subject.domains]
    if subject.home is None:
        found.append(Publication(subject.host, tuple(host_records(subject)), notes=tuple(_host_notes(subject))))
    return found


def _of_domain(subject: Subject, domain: str) -> Publication:
    records = [
        exchanger(subject, domain),
        sender_policy(domain),
        *_signatures(subject, domain),
        dmarc(subject, domain),
        mta_sts(subject, domain),
        *_name(f"mta-sts.{domain}", subject.setup.web_host, "Other servers fetch the MTA-STS policy here, over HTTPS."),
        tls_reporting(subject, domain),
        *services(subject, domain),
        *_name(
            f"autoconfig.{domain}", subject.setup.web_host, "Thunderbird and others ask here how to set themselves up."
        ),
        *_name(f"autodiscover.{domain}", subject.setup.web_host, "Outlook asks here how to set itself up."),
        autodiscover(subject, domain),
    ]
    notes: list[str] = []
    if domain == subject.home:
        own = host_records(subject)
        records += [one for one in own if (one.name, one.type) not in {(known.name, known.type) for known in records}]
        notes += _host_notes(subject)
    if not subject.keys_of(domain):
        notes += subject.complaints
        notes.append("No DKIM key is configured: without a mailet DKIMSign mail is not signed.")
    if not subject.publishes:
        notes.append(
            "The listener for the MTA-STS policy, autoconfig and autodiscover is off: set 'enabled = true' in "
            "autoconfiguration.properties, or leave those records out."
        )
    if not is_public_name(subject.host):
        notes.append(
            f"{subject.host} is no full host name: set <helloName> in smtpserver.xml to the server's name in DNS before "
            "anything of this is published."
        )
    if not is_public_name(domain):
        notes.append(f"{domain} is no name that other servers can look up.")
    url = f"https://mta-sts.{domain}{POLICY_PATH}"
    return Publication(domain, tuple(records), url, subject.policy.text, tuple(notes))


def exchanger(subject: Subject, domain: str) -> Record:
    return Record(domain, "MX", f"10 {subject.host}.", "Mail for the domain comes to this server.")


def sender_policy(domain: str) -> Record:
    return Record(domain, "TXT", "v=spf1 mx -all", "SPF: only the servers of the MX records send mail of the domain.")


def helo_policy(host: str) -> Record:
    """Of a name that is no domain of mail."""
    return Record(host, "TXT", "v=spf1 a -all", "SPF of the name in HELO, which bounces are judged by.")


def _signatures(subject: Subject, domain: str) -> list[Record]:
    return [signature(key) for key in subject.keys_of(domain) if is_within(key.domain, domain)]


def signature(key: DkimKey) -> Record:
    return Record(key.name, "TXT", key.record, "DKIM: a key that signatures are checked with.")


def dmarc(subject: Subject, domain: str) -> Record:
    """Without signatures only watched: forwarded mail would have nothing left to pass by."""
    policy = "quarantine" if subject.keys_of(domain) else "none"
    rua = f"mailto:{subject.settings.report_mailbox}@{domain}"
    return Record(
        f"_dmarc.{domain}",
        "TXT",
        f"v=DMARC1; p={policy}; rua={rua}",
        "DMARC: what becomes of mail that passes neither.",
    )


def mta_sts(subject: Subject, domain: str) -> Record:
    return Record(
        f"_mta-sts.{domain}",
        "TXT",
        f"v=STSv1; id={subject.policy.id}",
        "MTA-STS: there is a policy; a new id, a new one.",
    )


def tls_reporting(subject: Subject, domain: str) -> Record:
    return Record(
        f"_smtp._tls.{domain}",
        "TXT",
        f"v=TLSRPTv1; rua=mailto:{subject.settings.report_mailbox}@{domain}",
        "TLS-RPT: where other servers report failures of TLS.",
    )


def services(subject: Subject, domain: str) -> Iterator[Record]:
    """RFC 6186 and RFC 8314; a target of "." says that there is no such service (RFC 6186 §3.4)."""
    offered = {service.kind.value: service for service in subject.setup.services}
    for kind in ServiceKind:
        label = kind.value
        service = offered.get(label)
        if service is None:
            yield Record(f"_{label}._tcp.{domain}", "SRV", "0 0 0 .", f"There is no {label} here.")
        else:
            priority = (0 if kind.implicit else 10) + (_POP3_PRIORITY if kind.speaks is Speaks.POP3 else 0)
            value = f"{priority} 1 {service.port} {service.host}."
            yield Record(f"_{label}._tcp.{domain}", "SRV", value, f"Mail programs find {label} here.")


def autodiscover(subject: Subject, domain: str) -> Record:
    return Record(
        f"_autodiscover._tcp.{domain}",
        "SRV",
        f"0 0 443 {subject.setup.web_host}.",
        "Outlook's second way to its documents.",
    )


def _name(alias: str, target: str, purpose: str) -> list[Record]:
    return [] if alias == target else [Record(alias, "CNAME", f"{target}.", purpose)]


def host_records(subject: Subject) -> list[Record]:
    """Of the server's own name."""
    kinds = {4: "A", 6: "AAAA"}
    records = [
        Record(subject.host, kinds[ip_address(one).version], one, "Where the server is.")
        for one in subject.settings.addresses
    ]
    return [*records, helo_policy(subject.host), *dane(subject, subject.host)]


def dane(subject: Subject, host: str) -> list[Record]:
    """The TLSA record `3 1 1`: this key only, whichever authority signed its certificate (RFC 7672 §3.1.1). `host` is a name of the
    server from MX records."""
    if subject.certificate is None:
        return []
    value = f"3 1 1 {hashlib.sha256(subject.certificate.public_key).hexdigest()}"
    return [Record(f"_25._tcp.{host}", "TLSA", value, "DANE: the key of port 25; only in a zone with DNSSEC.")]


def _host_notes(subject: Subject) -> Iterator[str]:
    if not subject.settings.addresses:
        yield (
            f"{subject.host} needs A and AAAA records with the public addresses of this server: name them as "
            "'public.addresses' in doctor.properties to have them here."
        )
    yield (
        f"Reverse DNS of each public address must be {subject.host}: it is set where the address comes from, mostly at "
        "the hosting provider."
    )
    if subject.certificate is None:
        yield "Without a readable certificate there is no TLSA record."
