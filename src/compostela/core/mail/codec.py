"""A mail's envelope and attributes as stored bytes (message bytes live elsewhere). Versioned."""

from datetime import UTC, datetime, timedelta

import msgspec

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MessageContent
from compostela.core.mail.attributes import DELIVERY_RETRIES, AttributeValue
from compostela.core.mail.model import Mail
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress

_VERSION = 1
_ERROR = 8
"""The place of the error message, followed by the attributes."""
_DURATION = "\x00seconds"
_AS_IT_IS = frozenset({str, int, float, bool})
"""Most attributes: nothing in them has to be put into another form."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def encode(mail: Mail) -> bytes:
    """Everything but the content."""
    return _encode(
        (
            _VERSION,
            mail.name,
            None if mail.sender is None else str(mail.sender),
            [str(recipient) for recipient in mail.recipients],
            mail.state,
            mail.remote_host,
            mail.remote_address,
            mail.arrived_at,
            mail.last_updated_at,
            mail.error_message,
            {name: value if type(value) in _AS_IT_IS else _plain(value) for name, value in mail.attributes.items()},
            {str(who): headers for who, headers in mail.per_recipient_headers.items()},
            mail.trace_id,
        )
    )


def decode(data: bytes, content: MessageContent) -> Mail:
    """The mail again. Raises `TemporaryFailure` for bytes of a later version."""
    version, *rest = _decode(data)
    if version != _VERSION:
        raise TemporaryFailure(f"a stored mail has version {version}, this release knows {_VERSION}")
    name, sender, recipients, state, host, address, arrived, updated, error, attributes, headers, trace = rest
    return Mail(
        name=name,
        sender=None if sender is None else address_of(sender),
        recipients=[address_of(recipient) for recipient in recipients],
        content=content,
        state=state,
        remote_host=host,
        remote_address=address,
        arrived_at=arrived,
        last_updated_at=updated,
        error_message=error,
        attributes={key: _rich(value) for key, value in attributes.items()},
        per_recipient_headers={
            address_of(who): [(header, value) for header, value in pairs] for who, pairs in headers.items()
        },
        trace_id=trace,
    )


def failures_of(data: bytes) -> tuple[int, str | None]:
    """How many deliveries failed, and the last error; nothing for bytes of a later version."""
    version, *rest = _decode(data)
    if version != _VERSION:
        return 0, None
    error, attributes = rest[_ERROR : _ERROR + 2]
    return attributes.get(DELIVERY_RETRIES, 0), error


def address_of(text: str) -> MailAddress:
    """An address that this store has written: taken apart without being judged again, so that no stored mail is refused."""
    local_part, _, domain = text.rpartition("@")
    return MailAddress(local_part, Domain(domain))


def _plain(value: AttributeValue) -> AttributeValue:
    if isinstance(value, timedelta):
        return {_DURATION: value.total_seconds()}
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _rich(value: AttributeValue) -> AttributeValue:
    if isinstance(value, dict):
        seconds = value.get(_DURATION)
        if isinstance(seconds, float):
            return timedelta(seconds=seconds)
        return {key: _rich(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rich(item) for item in value]
    return value
