"""The mailet that publishes what other mailets found in a mail."""

import logging
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from compostela.base.declarations import Parsed, Text, Word
from compostela.base.declared import read
from compostela.base.errors import InvalidArgument
from compostela.base.metrics import counter
from compostela.base.settings import Settings
from compostela.core.exchanges.ports import Exchange, ExchangePublisher, NotPublished
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import Mail
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

_failures = counter("amqpForwardFailures", "Mails whose attribute could not be published to AMQP")
_KINDS = ("direct", "fanout", "topic", "headers")


def _uris(text: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    for one in found:
        try:
            parts = urlsplit(one)
            is_uri = parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_uri = False
        if not is_uri:
            raise InvalidArgument("an amqp or amqps URI is needed, as amqp://user:password@host:5672/vhost")
    return found


@dataclass(frozen=True, slots=True)
class AmqpForwardAttributeSettings:
    """Parameters of `AmqpForwardAttribute`."""

    attribute: Annotated[str, Text("attribute")]
    """The mail attribute that is published."""
    exchange: Annotated[str, Text("exchange")]
    """Name of the exchange, which is durable."""
    uris: Annotated[tuple[str, ...], Parsed("uri", _uris, "amqp or amqps URIs", required=True)] = field(
        default=(), repr=False
    )
    """The broker, or several of its nodes with commas between."""
    exchange_type: Annotated[str, Word("exchange_type", _KINDS)] = "direct"
    """Type of the exchange."""
    routing_key: Annotated[str, Text("routing_key")] = ""
    """Routing key of the messages."""


class AmqpForwardAttribute(Mailet):
    """Publishes the content of `attribute` to the exchange `exchange`: text and octets as one message, each entry of a list and each
    value of a map as one. A mail goes on when the broker does not confirm within
    10 s: the log and the metric `amqpForwardFailures` tell it. A mail whose processing is repeated is published again. Needs the extra
    `distributed`."""

    parameters = AmqpForwardAttributeSettings
    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(AmqpForwardAttributeSettings, settings)
        self._attribute = made.attribute
        self._exchange = Exchange(made.exchange, made.exchange_type, made.routing_key)
        self._publisher: ExchangePublisher | None = None
        try:
            self._publisher = context.exchanges(made.uris)
        except ImportError:
            settings.error("AmqpForwardAttribute needs the package aio-pika: run pip install 'compostela[distributed]'")

    async def stop(self) -> None:
        if self._publisher is not None:
            await self._publisher.close()

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        messages = _messages(mail.attributes.get(self._attribute))
        if not messages or self._publisher is None:
            return
        try:
            await self._publisher.publish(self._exchange, messages)
        except NotPublished as error:
            _failures.inc()
            _log.error("an attribute was not published", extra={"mail": mail.name, "error": str(error)})


def _messages(value: AttributeValue) -> list[bytes]:
    """Texts in UTF-8; values of other types are passed over."""
    match value:
        case bytes():
            return [value]
        case str():
            return [value.encode("utf-8", "replace")]
        case list():
            return [message for one in value for message in _messages(one)]
        case dict():
            return [message for one in value.values() for message in _messages(one)]
        case _:
            return []
