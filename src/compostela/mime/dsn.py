"""Delivery status notifications (RFC 3464)."""

from collections.abc import Sequence
from dataclasses import dataclass

from compostela.mime.builder import BuiltPart, header_block
from compostela.mime.dates import format_date


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What became of one recipient. `action` is failed, delayed, delivered, relayed or expanded; `status` an enhanced
    code such as 5.1.1; `last_attempt_at` epoch seconds."""

    final_recipient: str
    action: str
    status: str
    original_recipient: str | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    last_attempt_at: float | None = None

    def fields(self) -> list[tuple[str, str]]:
        found = []
        if self.original_recipient is not None:
            found.append(("Original-Recipient", f"rfc822; {self.original_recipient}"))
        found += [
            ("Final-Recipient", f"rfc822; {self.final_recipient}"),
            ("Action", self.action),
            ("Status", self.status),
        ]
        if self.remote_mta is not None:
            found.append(("Remote-MTA", f"dns; {self.remote_mta}"))
        if self.diagnostic is not None:
            found.append(("Diagnostic-Code", self.diagnostic))
        if self.last_attempt_at is not None:
            found.append(("Last-Attempt-Date", format_date(self.last_attempt_at)))
        return found


def status_part(
    reporting_mta: str,
    recipients: Sequence[RecipientStatus],
    *,
    received_from: str | None = None,
    envelope_id: str | None = None,
    arrived_at: float | None = None,
) -> BuiltPart:
    """The message/delivery-status part."""
    fields = [("Reporting-MTA", f"dns; {reporting_mta}")]
    if envelope_id is not None:
        fields.append(("Original-Envelope-Id", envelope_id))
    if received_from is not None:
        fields.append(("Received-From-MTA", f"dns; {received_from}"))
    if arrived_at is not None:
        fields.append(("Arrival-Date", format_date(arrived_at)))
    body = header_block(fields) + b"".join(header_block(recipient.fields()) for recipient in recipients)
    return BuiltPart((("Content-Type", "message/delivery-status"),), body)
