"""AmqpForwardAttribute: what it publishes, and what it does when the broker is away or its package is missing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.exchanges.ports import Exchange, ExchangePublisher, NotPublished
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import ROOT
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import mail_of, mailet, served, server_context

URI = "amqp://guest:guest@mq.example:5672/vhost"
REQUIRED = {"attribute": "a", "uri": URI, "exchange": "james:events"}


class Broker:
    """Notes what is published, or is away."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.published: list[tuple[Exchange, Sequence[bytes]]] = []
        self.is_away = False
        self.is_closed = False

    def publisher(self, uris: Sequence[str]) -> "Broker":
        self.uris = list(uris)
        return self

    async def publish(self, exchange: Exchange, messages: Sequence[bytes]) -> None:
        if self.is_away:
            raise NotPublished("away")
        self.published.append((exchange, messages))

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def context(tmp_path: Path, broker: Broker) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield replace(made, exchanges=broker.publisher)


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("é", ["é".encode()]),
        (b"\xff", [b"\xff"]),
        (["a", b"b", ["c"]], [b"a", b"b", b"c"]),
        ({"x": b"1", "y": "2", "z": 3}, [b"1", b"2"]),
    ],
)
async def test_the_content_is_published(
    context: MailetContext, broker: Broker, value: AttributeValue, messages: list[bytes]
) -> None:
    made = mailet("AmqpForwardAttribute", context, **REQUIRED)
    mail = mail_of()
    mail.attributes["a"] = value
    await served(made, mail)
    assert broker.uris == [URI]
    assert broker.published == [(Exchange("james:events", "direct", ""), messages)]
    await made.stop()
    assert broker.is_closed


async def test_exchange_type_key_and_several_nodes(context: MailetContext, broker: Broker) -> None:
    nodes = f"{URI}, amqps://other.example"
    given = {**REQUIRED, "uri": nodes, "exchange_type": "topic", "routing_key": "a.b"}
    mail = mail_of()
    mail.attributes["a"] = "x"
    await served(mailet("AmqpForwardAttribute", context, **given), mail)
    assert broker.uris == [URI, "amqps://other.example"]
    assert broker.published == [(Exchange("james:events", "topic", "a.b"), [b"x"])]


@pytest.mark.parametrize("value", [None, 1, True, [], {}, {"a": 1}])
async def test_without_content_nothing_is_published(
    context: MailetContext, broker: Broker, value: AttributeValue
) -> None:
    mail = mail_of()
    if value is not None:
        mail.attributes["a"] = value
    await served(mailet("AmqpForwardAttribute", context, **REQUIRED), mail)
    assert broker.published == []


async def test_a_mail_goes_on_while_the_broker_is_away(
    context: MailetContext, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.is_away = True
    mail = mail_of()
    mail.attributes["a"] = "x"
    assert (await served(mailet("AmqpForwardAttribute", context, **REQUIRED), mail)).state == ROOT
    assert "an attribute was not published" in caplog.text


def test_a_missing_package_is_told_with_what_to_install(context: MailetContext) -> None:
    def missing(uris: Sequence[str]) -> ExchangePublisher:
        raise ImportError("aio_pika")

    with pytest.raises(InvalidArgument, match=r"pip install 'compostela\[distributed\]'"):
        mailet("AmqpForwardAttribute", replace(context, exchanges=missing), **REQUIRED)


@pytest.mark.parametrize(
    "parameters",
    [
        {"attribute": ""},
        {"uri": ""},
        {"exchange": ""},
        {"uri": "http://mq.example/"},
        {"uri": f"{URI},amqp://"},
        {"uri": "amqp://a:99999/"},
        {"exchange_type": "queue"},
        {"routingKey": "x"},
    ],
)
async def test_wrong_parameters_are_told(context: MailetContext, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        mailet("AmqpForwardAttribute", context, **{**REQUIRED, **parameters})
