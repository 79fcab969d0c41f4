"""Mailets and matchers by way of mailetcontainer.xml and SMTP."""

from importlib.resources import files
from pathlib import Path

import pytest

from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages, send

DEFAULT = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
PLACE = '<mailet match="All" class="AddDeliveredToHeader"/>'


def container(mailets: str) -> str:
    """The packaged one with these mailets before local delivery."""
    assert PLACE in DEFAULT
    return DEFAULT.replace(PLACE, mailets + PLACE)


async def test_a_footer_and_a_notice_by_jamess_names(tmp_path: Path) -> None:
    mailets = """<mailet match="HasMimeType=text/plain" class="org.apache.james.transport.mailets.AddFooter"><text>the end</text></mailet>
        <mailet match="RecipientIs=bob@example.org" class="NotifyPostmaster"><recipients>ann@example.org</recipients></mailet>"""
    async with running(tmp_path, container=container(mailets)) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org"], sender="a@b.example")
        await eventually(lambda: idle(server))
        (mail,), (told,) = await messages(server, BOB), await messages(server, ANN)
        assert mail.endswith(b"\r\n\r\nhello\r\nthe end\r\n")
        assert told.startswith(b"Return-Path: <>\r\n")
        assert b"RCPT TO: bob@example.org" in told


async def test_a_forward_to_itself_ends_at_the_limit_of_hops(tmp_path: Path) -> None:
    mailets = '<mailet match="All" class="Forward"><forwardTo>bob@example.org</forwardTo></mailet>'
    async with running(tmp_path, container=container(mailets)) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org"])
        await eventually(lambda: idle(server))
        (repository,) = await server.store.repositories.by_path("var/mail/relay-limit-exceeded")
        assert await repository.size() == 1


@pytest.mark.parametrize(
    "match",
    ["RecipientIs=@@", "RecipientIsRegex=(((", "RecipientCountExceeds=many", "SenderDomainIs=", "AtMost=x", "HasMimeType=text",
     "SizeGreaterThan=10q", "RemoteAddrInNetwork=300.1.1.1"],
)  # fmt: skip
async def test_a_wrong_condition_is_an_error_with_file_and_line(match: str, tmp_path: Path) -> None:
    text = container(f'<mailet match="{match}" class="Null"/>')
    line = text[: text.index(match)].count("\n") + 1
    with pytest.raises(AssertionError, match=rf"mailetcontainer\.xml', line={line}\)"):
        async with running(tmp_path, container=text):
            pass
