"""The mailet that publishes what other mailets found in a mail."""

import logging
from urllib.parse import urlsplit

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


class AmqpForwardAttribute(Mailet):
    """Publishes the content of `attribute` to the exchange `exchange`, a durable one of the type `exchange_type` (direct, fanout, topic or
    headers), with `routing_key`: text and octets as one message, each entry of a list and each value of a map as one. `uri` has the
    amqp or amqps URI of the broker, or several of its nodes with commas between. A mail goes on when the broker does not confirm within
    10 s: the log and the metric `amqpForwardFailures` tell it. A mail whose processing is repeated is published again. Needs the extra
    `distributed`."""

    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = settings.required("attribute")
        uris: list[str] = []
        if settings.required("uri"):
            uris = settings.parsed("uri", uris, _uris)
        kind = settings.text("exchange_type", "direct").lower()
        if kind not in _KINDS:
            settings.error(f"{kind!r} is none of {', '.join(_KINDS)}", "exchange_type")
        self._exchange = Exchange(settings.required("exchange"), kind, settings.text("routing_key", ""))
        self._publisher: ExchangePublisher | None = None
        try:
            self._publisher = context.exchanges(uris)
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


def _uris(text: str) -> list[str]:
    found = [one.strip() for one in text.split(",") if one.strip()]
    for one in found:
        try:
            parts = urlsplit(one)
            is_uri = parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_uri = False
        if not is_uri:
            raise InvalidArgument("an amqp or amqps URI is needed, as amqp://user:password@host:5672/vhost")
    return found


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
