"""A TLS report (RFC 8460 §4): the JSON document, and the mail that carries it."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from compostela.base.clock import as_datetime
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.outbound.tls_reports import DAY_SECONDS, TlsResult
from compostela.mime.builder import BuiltPart, multipart, standard_headers, text_part
from compostela.model.domain import Domain

_LINE = 76


@dataclass(frozen=True, slots=True)
class TlsReport:
    """The report for one domain about one day (days since 1970, UTC)."""

    organisation: str
    """The name of this server, which is the submitter."""
    contact: str
    domain: Domain
    day: int
    results: Mapping[TlsResult, int]

    @property
    def id(self) -> str:
        """The same whenever the report is made again: a receiver that gets it twice can tell (RFC 8460 §5.3)."""
        digest = blake2b(f"{self.organisation} {self.domain} {self.day}".encode(), digest_size=8).hexdigest()
        return f"{self.day}.{digest}@{self.organisation}"

    @property
    def file_name(self) -> str:
        """RFC 8460 §5.1."""
        start = self.day * DAY_SECONDS
        return (
            f"{self.organisation}!{self.domain}!{start}!{start + DAY_SECONDS - 1}!{self.id.partition('@')[0]}.json.gz"
        )

    def document(self) -> bytes:
        """The JSON text."""
        start = self.day * DAY_SECONDS
        kinds: dict[tuple[object, ...], list[tuple[TlsResult, int]]] = {}
        for result, count in self.results.items():
            key = (result.policy_type, result.policy_domain, result.policy_text, result.exchangers)
            kinds.setdefault(key, []).append((result, count))
        return json.dumps({
            "organization-name": self.organisation,
            "date-range": {"start-datetime": _time(start), "end-datetime": _time(start + DAY_SECONDS - 1)},
            "contact-info": self.contact,
            "report-id": self.id,
            "policies": [_policy(results) for results in kinds.values()],
        }).encode()  # fmt: skip

    def compressed(self) -> bytes:
        """The document as application/tlsrpt+gzip."""
        return gzip.compress(self.document(), mtime=0)

    def mail(self, to: str, now: float) -> MessageContent:
        """RFC 8460 §5.3. `to` is a mail address."""
        subject = f"Report Domain: {self.domain} Submitter: {self.organisation} Report-ID: <{self.id}>"
        headers = [
            *standard_headers(f"<{self.contact}>", f"<{to}>", subject, self.organisation, now),
            ("TLS-Report-Domain", self.domain.name),
            ("TLS-Report-Submitter", self.organisation),
            ("Auto-Submitted", "auto-generated"),
        ]
        text = text_part(f"This is an aggregate TLS report from {self.organisation} about {self.domain}.\r\n")
        encoded = base64.b64encode(self.compressed()).decode()
        lines = "".join(f"{encoded[start : start + _LINE]}\r\n" for start in range(0, len(encoded), _LINE))
        attached = BuiltPart(
            (
                ("Content-Type", "application/tlsrpt+gzip"),
                ("Content-Transfer-Encoding", "base64"),
                ("Content-Disposition", f'attachment; filename="{self.file_name}"'),
            ),
            lines.encode(),
        )
        header, body = multipart(headers, "report", [text, attached], '; report-type="tlsrpt"')
        return MessageContent(header, MemoryBody(body))


def _policy(results: list[tuple[TlsResult, int]]) -> dict[str, object]:
    first = results[0][0]
    policy: dict[str, object] = {"policy-type": first.policy_type, "policy-domain": first.policy_domain}
    if first.policy_text:
        policy["policy-string"] = list(first.policy_text)
    if first.exchangers:
        policy["mx-host"] = list(first.exchangers)
    failed = [(result, count) for result, count in results if result.failure_type]
    told: dict[str, object] = {
        "policy": policy,
        "summary": {
            "total-successful-session-count": sum(count for result, count in results if not result.failure_type),
            "total-failure-session-count": sum(count for _, count in failed),
        },
    }
    if failed:
        told["failure-details"] = [
            {
                "result-type": result.failure_type,
                "receiving-mx-hostname": result.host,
                "receiving-ip": result.address,
                "failed-session-count": count,
            }
            for result, count in failed
        ]
    return told


def _time(seconds: float) -> str:
    return as_datetime(seconds).isoformat().replace("+00:00", "Z")
