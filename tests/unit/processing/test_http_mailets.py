"""HeadersToHTTP and SerialiseToHTTP: what they post, what they note, which mails go on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import GHOST, ROOT
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import mail_of, mailet, served, server_context, text_of
from tests.contracts.web_forms import FormServer
from tests.form_server import form_server

MESSAGE = b"Received: from a\r\n by b\r\nSubject: =?utf-8?q?=C3=A9?= & co\r\n\r\n\xffbody\r\n"
RESULTS = [("HeadersToHTTP", "X-headerToHTTP"), ("SerialiseToHTTP", "X-toHTTP")]


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[FormServer]:
    async with form_server() as running:
        yield running


async def test_header_fields_are_posted(context: MailetContext, server: FormServer) -> None:
    made = mailet("HeadersToHTTP", context, url=server.url, parameterKey="kind", parameterValue="test")
    mail = await served(made, mail_of(MESSAGE))
    assert server.forms == [
        [("kind", b"test"), ("Received", b"from a by b"), ("Subject", b"=?utf-8?q?=C3=A9?= & co")],
    ]
    assert mail.content.header.endswith(b"X-headerToHTTP: Succeeded\r\n\r\n")


@pytest.mark.parametrize(("parameters", "name"), [({}, "message"), ({"MessageKeyName": "mail"}, "mail")])
async def test_the_message_is_posted(
    context: MailetContext, server: FormServer, parameters: dict[str, str], name: str
) -> None:
    mail = await served(mailet("SerialiseToHTTP", context, url=server.url, **parameters), mail_of(MESSAGE))
    assert server.forms == [[(name, MESSAGE)]]
    assert mail.content.header.endswith(b"X-toHTTP: Succeeded\r\n\r\n")
    assert mail.state == ROOT


@pytest.mark.parametrize("name", ["HeadersToHTTP", "SerialiseToHTTP"])
async def test_without_pass_through_a_posted_mail_ends(context: MailetContext, server: FormServer, name: str) -> None:
    mail = await served(mailet(name, context, url=server.url, passThrough="false"), mail_of())
    assert mail.state == GHOST


@pytest.mark.parametrize(("name", "field"), RESULTS)
async def test_a_mail_that_was_refused_goes_on(
    context: MailetContext, server: FormServer, name: str, field: str
) -> None:
    server.status = 503
    mail = await served(mailet(name, context, url=server.url, passThrough="false"), mail_of())
    assert mail.state == ROOT
    assert f"{field}: Failed\r\n{field}Failure: 503 Service Unavailable\r\n" in await text_of(mail)


@pytest.mark.parametrize(("name", "field"), RESULTS)
async def test_a_mail_goes_on_while_the_server_is_silent_and_succeeds_later(
    context: MailetContext, server: FormServer, name: str, field: str
) -> None:
    server.status = None
    mail = await served(mailet(name, context, url=server.url, timeout="100 ms"), mail_of())
    assert f"{field}: Failed\r\n{field}Failure: the server does not answer\r\n" in await text_of(mail)
    server.status = 200
    mail = await served(mailet(name, context, url=server.url), mail)
    assert f"{field}: Succeeded\r\n" in await text_of(mail)
    assert "Fail" not in await text_of(mail)


@pytest.mark.parametrize("name", ["HeadersToHTTP", "SerialiseToHTTP"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"url": "ftp://a.example/"},
        {"url": "http://"},
        {"url": "http://a.example:99999/"},
        {"url": "http://[/"},
        {"url": "http://a.example/", "parameterKey": "k"},
        {"url": "http://a.example/", "parameterValue": "v"},
        {"url": "http://a.example/", "passThrough": "perhaps"},
        {"url": "http://a.example/", "timeout": "0"},
        {"url": "http://a.example/", "urll": "x"},
    ],
)
async def test_wrong_parameters_are_told(context: MailetContext, name: str, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        mailet(name, context, **parameters)
