"""Delivery status notifications (RFC 3464), also of internationalised mail (RFC 6533)."""

from collections.abc import Sequence
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.mime import xtext
from compostela.mime.builder import BuiltPart, header_block
from compostela.mime.dates import format_date


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What became of one recipient. `action` is failed, delayed, delivered, relayed or expanded; `status` an enhanced
    code such as 5.1.1; `original_recipient` ORCPT as it came (RFC 3461 §4.2); `last_attempt_at` epoch seconds."""

    final_recipient: str
    action: str
    status: str
    original_recipient: str | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    last_attempt_at: float | None = None

    def fields(self, *, utf8: bool) -> list[tuple[str, str]]:
        found = []
        if self.original_recipient is not None and (original := _original(self.original_recipient, utf8)) is not None:
            found.append(("Original-Recipient", original))
        found += [
            ("Final-Recipient", _typed(self.final_recipient, utf8)),
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
    utf8: bool = False,
) -> BuiltPart:
    """The message/delivery-status part, or message/global-delivery-status with `utf8`. `envelope_id` is ENVID as it came."""
    fields = [("Reporting-MTA", f"dns; {reporting_mta}")]
    if envelope_id is not None and xtext.is_xtext(envelope_id):
        fields.append(("Original-Envelope-Id", _printable(xtext.decode(envelope_id))))
    if received_from is not None:
        fields.append(("Received-From-MTA", f"dns; {received_from}"))
    if arrived_at is not None:
        fields.append(("Arrival-Date", format_date(arrived_at)))
    blocks = [fields, *(recipient.fields(utf8=utf8) for recipient in recipients)]
    body = b"".join(header_block(block, utf8=utf8) for block in blocks)
    if not utf8:
        return BuiltPart((("Content-Type", "message/delivery-status"),), body)
    kind = (("Content-Type", "message/global-delivery-status"), ("Content-Transfer-Encoding", "8bit"))
    return BuiltPart(kind, body)


def _typed(address: str, utf8: bool) -> str:
    """With its address type (RFC 6533 §3)."""
    if address.isascii():
        return f"rfc822; {address}"
    return f"utf-8; {address if utf8 else xtext.encode_utf8_address(address)}"


def _original(parameter: str, utf8: bool) -> str | None:
    kind, _, address = parameter.partition(";")
    try:
        if kind == "utf-8":
            return _typed(xtext.decode_utf8_address(address), utf8)
        return f"{kind}; {_printable(xtext.decode(address))}"
    except InvalidArgument:
        return None


def _printable(text: str) -> str:
    """A decoded xtext may hold any octets: what is no printable ASCII becomes `?`."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)
