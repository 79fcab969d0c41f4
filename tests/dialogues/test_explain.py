"""A dry run tells what the container would do, and changes nothing."""

import re
from pathlib import Path
from typing import Any

import aiohttp

from compostela.core.queue.model import SPOOL
from compostela.model.username import Username
from tests.dialogues.server import BOB, Server, running

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
    server: Server, recipients: list[str], message: str = "Subject: x\r\n\r\nhello\r\n"
) -> dict[str, Any]:
    base = f"http://127.0.0.1:{server.under_test.web_port}"
    query = [("sender", "a@b.example"), *(("recipient", one) for one in recipients)]
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
            for query in ({}, {"recipient": "@@"}, {"recipient": str(BOB), "sender": "@@"}):
                async with client.post(url, params=query, data=b"") as answer:
                    assert answer.status == 400
