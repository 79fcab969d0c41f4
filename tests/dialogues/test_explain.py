"""A dry run tells what the container would do, and changes nothing."""

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from compostela.core.queue.model import SPOOL
from compostela.model.username import Username
from compostela.testing.server import BOB, Server, running
from tests.dialogues.processing import NETWORK

WEBADMIN = "enabled=true\nhost=127.0.0.1\nport=0\npassword=secret\n"
SCRIPT = b'require ["fileinto", "copy"];\nredirect :copy "ann@elsewhere.example"; fileinto "Lists";'
CONTAINER = """<mailetcontainer>
  <spooler><threads>1</threads></spooler>
  <processors>
    <processor state="root">
      <mailet match="SubjectStartsWith=[spam]" class="Null"/>
      <mailet match="All" class="PostmasterAlias"/>
      <mailet match="All" class="RecipientRewriteTable"><errorProcessor>error</errorProcessor></mailet>
      <mailet match="RecipientIsLocal" class="ToProcessor"><processor>local</processor></mailet>
      <mailet match="All" class="MetricsMailet"><metricName>relayed</metricName></mailet>
      <mailet match="HostIs=elsewhere.example" class="RemoteDelivery"/>
      <mailet match="All" class="ToRepository"><repositoryPath>file://var/mail/rest</repositoryPath></mailet>
    </processor>
    <processor state="local">
      <mailet match="All" class="Sieve"/>
      <mailet match="All" class="LocalDelivery"/>
    </processor>
    <processor state="error"><mailet match="All" class="ToRepository"><repositoryPath>file://var/mail/error</repositoryPath></mailet></processor>
  </processors>
</mailetcontainer>"""


async def explained(
    server: Server, recipients: list[str], message: str = "Subject: x\r\n\r\nhello\r\n", **facts: str
) -> dict[str, Any]:
    base = f"http://127.0.0.1:{server.under_test.web_port}"
    query = [("sender", "a@b.example"), *(("recipient", one) for one in recipients), *facts.items()]
    async with (
        aiohttp.ClientSession(headers={"Password": "secret"}) as client,
        client.post(f"{base}/explain", params=query, data=message.encode()) as answer,
    ):
        assert answer.status == 200, await answer.text()
        told = await answer.json()
    assert isinstance(told, dict)
    return told


def ends(told: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in told["ends"]:
        found.setdefault(one["recipient"], []).append(one["what"])
    return found


async def test_each_recipients_end_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    async with running(tmp_path, container=CONTAINER, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        services = server.under_test.services
        await services.sieve.put(BOB, "main", SCRIPT, activate=True)
        told = await explained(server, [str(BOB), "ann@example.org", "x@elsewhere.example", "y@else.example"])
        assert ends(told) == {
            "bob@example.org": ["store in the mailbox Lists of bob@example.org, which is made"],
            "ann@elsewhere.example": ["put into the queue outgoing"],
            "ann@example.org": ["store in the mailbox INBOX of ann@example.org, which is made"],
            "x@elsewhere.example": ["put into the queue outgoing"],
            "y@else.example": ["put into the repository file://var/mail/rest/"],
        }
        assert told["complete"] is True
        steps = [step for mail in told["mails"] for step in mail["steps"] if step["matched"]]
        sieve = next(step for step in steps if step["mailet"] == "Sieve")
        assert sieve["processor"] == "local"
        assert re.match(r"send the mail .* to ann@elsewhere\.example", sieve["effects"][0])
        assert sieve["changes"] == ["recipients: ann@example.org"]
        counted = next(step for step in steps if step["mailet"] == "MetricsMailet")
        assert counted["effects"] == ["left out: a dry run does not know all that it would do"]
        assert await server.store.queues.queue(SPOOL).size() == 0
        assert await server.store.queues.queue("outgoing").size() == 0
        for user in (BOB, Username.parse("ann@example.org")):
            assert await server.store.mailboxes.of_user(user) == []
        assert await server.store.repositories.urls() == []


async def test_a_mail_that_is_dropped(tmp_path: Path) -> None:
    async with running(tmp_path, container=CONTAINER, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        told = await explained(server, [str(BOB)], "Subject: [spam] x\r\n\r\n")
        assert ends(told) == {"bob@example.org": ["dropped by Null"]}


async def test_a_wrong_question_is_400(tmp_path: Path) -> None:
    async with running(tmp_path, container=CONTAINER, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        url = f"http://127.0.0.1:{server.under_test.web_port}/explain"
        async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:
            number = {"recipient": str(BOB), "hooks": "true", "smtpServer": "²"}
            for query in ({}, {"recipient": "@@"}, {"recipient": str(BOB), "sender": "@@"}, number):
                async with client.post(url, params=query, data=b"") as answer:
                    assert answer.status == 400


HANDLERS = """<handler class="GreylistHandler"/>
<handler class="SpamTrapHandler"><spamTrapRecip>trap@example.org</spamTrapRecip></handler>
<handler class="ValidRcptHandler"/>"""


async def test_the_hooks_of_smtp_are_asked_with_the_facts_of_the_connection(tmp_path: Path) -> None:
    recipients = [str(BOB), "nobody@example.org", "x@elsewhere.example"]
    async with running(
        tmp_path, container=CONTAINER, handlers=HANDLERS, files={"webadmin.properties": WEBADMIN}
    ) as server:
        await server.under_test.start_web()
        for _ in range(2):  # the first time has left no trace in the greylist
            told = await explained(server, recipients, hooks="true", remoteAddress="192.0.2.1")
            assert [(one["hook"], one["recipient"]) for one in told["hooks"]] == [
                ("GreylistHandler", "bob@example.org"),
                ("ValidRcptHandler", "nobody@example.org"),
                ("AuthRequiredToRelayRcptHook", "x@elsewhere.example"),
            ]
            assert told["mails"] == []
            assert ends(told)["bob@example.org"] == ["451 4.4.3 Temporary rejected: Please try again later."]
            assert ends(told)["x@elsewhere.example"][0].startswith("530 5.7.0")
        told = await explained(
            server,
            [*recipients, "trap@example.org"],
            "From: bob@example.org\r\n\r\nhello\r\n",
            hooks="true",
            user=str(BOB),
            sender=str(BOB),
        )
        assert [(one["hook"], one["recipient"]) for one in told["hooks"]] == [
            ("ValidRcptHandler", "nobody@example.org"),
            ("ValidRcptHandler", "trap@example.org"),
        ]
        assert ends(told)["x@elsewhere.example"] == ["put into the queue outgoing"]
        assert ends(told)["nobody@example.org"][0].startswith("550 5.1.1")


async def test_one_mailet_is_tried_on_one_mail(tmp_path: Path) -> None:
    async with running(tmp_path, container=CONTAINER, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        told = await explained(
            server,
            [str(BOB), "x@elsewhere.example"],
            mailet="ToProcessor",
            match="RecipientIsLocal",
            **{"parameter.processor": "error"},
        )
        (step,) = [
            step
            for mail in told["mails"]
            for step in mail["steps"]
            if step["mailet"] == "ToProcessor" and step["matched"]
        ]
        assert (step["matcher"], step["recipients"]) == ("RecipientIsLocal", ["bob@example.org"])
        assert step["changes"] == ["goes to the processor error"]
        assert ends(told)["x@elsewhere.example"] == ["goes on to what comes after the mailet"]
        url = f"http://127.0.0.1:{server.under_test.web_port}/explain"
        async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:
            for query, complaint in (
                ({"mailet": "ToProcesor"}, "did you mean 'ToProcessor'?"),
                ({"mailet": "ToProcessor"}, "processor"),
                ({"mailet": "Null", "parameter.odd": "1"}, "odd"),
                ({"hooks": "true", "smtpServer": "7"}, "There is no SMTP server 7"),
            ):
                async with client.post(url, params={"recipient": str(BOB), **query}, data=b"") as answer:
                    assert (answer.status, complaint in await answer.text()) == (400, True)


@pytest.mark.parametrize(
    ("parameters", "change"),
    [
        ({"mailet": "SetMailAttribute", "parameter.kind": "list"}, "attribute kind: list"),
        ({"mailet": "ARCVerify"}, "attribute compostela.arc.result: none"),
        ({"mailet": "AddFooter", "parameter.text": "bye"}, "the body is changed"),
        ({"mailet": "RemoveAllMailAttributes"}, "attribute org.apache.james.HELO is removed"),
    ],
)
async def test_what_a_mailet_does_to_attributes_and_body_is_told(
    tmp_path: Path, parameters: dict[str, str], change: str
) -> None:
    async with running(tmp_path, container=CONTAINER, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        told = await explained(server, [str(BOB)], helo="client.example", **parameters)
        assert change in [one for step in told["mails"][0]["steps"] for one in step["changes"]]


async def test_a_client_that_may_relay_is_known_by_its_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, elements=NETWORK, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        for address, end in (
            ("127.0.0.1", "put into the queue outgoing"),
            ("192.0.2.1", "put into the repository embedded://var/mail/relay-denied/"),
        ):
            told = await explained(server, ["x@elsewhere.example"], remoteAddress=address)
            assert ends(told)["x@elsewhere.example"] == [end]
        # a dry run loses no mail, so the log has no word of it
        await explained(server, ["x@elsewhere.example"], mailet="RemoveMimeHeader", **{"parameter.name": "bcc"})
        assert "is lost" not in caplog.text
