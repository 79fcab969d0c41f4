"""The sample pipelines between two real Postfixes: one sends, the other is the next hop, which takes some mails, defers, refuses,
hangs up in DATA, or takes its time."""

import asyncio
import contextlib
import json
import smtplib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compostela.testing.server import ANN, BOB, Server, running
from compostela.testing.waiting import eventually
from tests.contracts.next_hop import EVERY_FEATURE, Peer
from tests.dialogues.first_day import WEBADMIN
from tests.dialogues.processing import NETWORK, messages
from tests.dialogues.queue_listing import command
from tests.dialogues.smtp_extensions import DSN
from tests.end_to_end.postfix import Postfix, needs_postfix, running_postfix

pytestmark = [needs_postfix, pytest.mark.slow]

SAMPLE = (Path(__file__).parents[2] / "conf" / "mailetcontainer.xml").read_text()
NEXT_HOP = (
    "smtpd_recipient_restrictions = check_recipient_access inline:{ {refused@far.example = 550 5.1.1 no such user},"
    " {later@far.example = 450 4.2.0 come back}, {slow@far.example = sleep 1} }, permit",
    "smtpd_data_restrictions = check_recipient_access inline:{ {dropped@far.example = 421 4.3.2 dropped in DATA} }, permit",
    "smtpd_discard_ehlo_keywords = dsn",
)
REPORTED_SUCCESS = """<processor state="local-delivery">
    <mailet match="All" class="LocalDelivery"><consume>false</consume></mailet>
    <mailet match="DSNSuccessRequested" class="DSNBounce">
        <prefix>[SUCCESS]</prefix><passThrough>true</passThrough><action>delivered</action><defaultStatus>2.0.0</defaultStatus>
    </mailet>
    <mailet match="All" class="Null"/>
</processor>
<processor state="relayed">
    <mailet match="DSNSuccessRequested" class="DSNBounce">
        <prefix>[RELAYED]</prefix><passThrough>true</passThrough><action>relayed</action><defaultStatus>2.0.0</defaultStatus>
    </mailet>
    <mailet match="All" class="Null"/>
</processor>
<processor state="bounces">
    <mailet match="DSNFailureRequested" class="DSNBounce"><passThrough>true</passThrough><action>failed</action></mailet>
    <mailet match="All" class="Null"/>
</processor>"""
KEPT_ERRORS = """<processor state="bounces">
    <matcher name="try-again" match="org.apache.james.mailetcontainer.impl.matchers.And">
        <matcher match="IsRemoteDeliveryTemporaryError"/>
        <matcher match="AtMost=1"/>
    </matcher>
    <mailet match="try-again" class="ToRepository">
        <repositoryPath>var/mail/error/remote-delivery/temporary</repositoryPath>
    </mailet>
    <mailet match="All" class="DSNBounce"><passThrough>false</passThrough></mailet>
</processor>"""


def without(container: str, *states: str) -> str:
    """The container without these processors."""
    for state in states:
        head, _, rest = container.partition(f'<processor state="{state}">')
        container = head + rest.partition("</processor>")[2]
    return container


@dataclass
class Chain:
    """Sender, server, next hop, and what comes after it."""

    first: Postfix
    server: Server
    sink: Peer

    async def send(self, recipients: list[str], *options: str) -> None:
        def hand_over() -> None:
            with smtplib.SMTP("127.0.0.1", self.first.port, timeout=60) as smtp:
                text = f"Subject: to {' '.join(recipients)}\r\n\r\nhello\r\n"
                assert smtp.sendmail(str(BOB), recipients, text, rcpt_options=options) == {}

        await asyncio.to_thread(hand_over)

    async def reports(self, count: int) -> list[str]:
        """The reports in the sender's mailbox, once there are so many and nothing is under way."""

        async def found() -> list[str] | None:
            queues = self.server.store.queues
            busy = [await queues.queue(name).size() for name in ("spool", "outgoing")]
            if any(busy) or await asyncio.to_thread(self.first.waiting):
                return None
            told = [one.decode() for one in await messages(self.server, BOB) if b"report-type=delivery-status" in one]
            return told if len(told) >= count else None

        async with asyncio.timeout(90):
            while (told := await found()) is None:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.1)
        assert len(told) == count
        return told

    def arrived(self) -> set[str]:
        """The recipients that came through the next hop."""
        return {line.partition("<")[2].partition(">")[0] for line in self.sink.lines if line.startswith("RCPT")}


@contextlib.asynccontextmanager
async def chain(folder: Path, container: str, handlers: str = "") -> AsyncIterator[Chain]:
    async with Peer(features=EVERY_FEATURE).running() as sink:
        with running_postfix(sink.port, *NEXT_HOP) as second:
            text = (
                container.replace(
                    "<outgoing>outgoing</outgoing>",
                    f"<outgoing>outgoing</outgoing><gateway>127.0.0.1:{second.port}</gateway>",
                )
                .replace("5 minutes, 15 minutes, 30 minutes, 1 hour, 20*4 hours", "50, 50, 50")
                .replace("<maxRetries>24<", "<maxRetries>3<")
            )
            files = {"webadmin.properties": WEBADMIN}
            async with running(folder, elements=NETWORK, container=text, handlers=handlers, files=files) as server:
                await server.under_test.start_web()
                with running_postfix(server.ports["smtp"]) as first:
                    yield Chain(first, server, sink)


def failed(reports: list[str]) -> dict[str, str]:
    """Recipient -> status of each failure."""
    found = {}
    for report in reports:
        assert "Action: failed\r\n" in report
        recipient = report.partition("Final-Recipient: rfc822; ")[2].partition("\r\n")[0]
        found[recipient] = report.partition("\r\nStatus: ")[2].partition("\r\n")[0]
    return found


async def test_the_default_pipeline(tmp_path: Path) -> None:
    async with chain(tmp_path, SAMPLE) as way:
        for name in ("ok", "refused", "later", "dropped", "slow"):
            await way.send([f"{name}@far.example"])
        await way.send(["second@far.example", "refused@far.example", str(ANN)])
        statuses = failed(await way.reports(4))
        assert statuses == {
            "refused@far.example": "5.1.1",
            "later@far.example": "4.2.0",
            "dropped@far.example": "4.3.2",
        }

        async def all_arrived() -> bool | None:
            return way.arrived() == {"ok@far.example", "slow@far.example", "second@far.example"} or None

        await eventually(all_arrived)
        assert len(await messages(way.server, ANN)) == 1


async def test_the_pipeline_with_reports_of_success(tmp_path: Path) -> None:
    container = without(SAMPLE, "local-delivery", "bounces").replace(
        "</processors>", f"{REPORTED_SUCCESS}</processors>"
    )
    container = container.replace("<bounceProcessor>", "<onSuccess>relayed</onSuccess><bounceProcessor>")
    async with chain(tmp_path, container, DSN) as way:
        await way.send([str(ANN)], "NOTIFY=SUCCESS")
        await way.send(["ok@far.example"], "NOTIFY=SUCCESS")
        await way.send(["slow@far.example"])
        await way.send(["refused@far.example"], "NOTIFY=NEVER")
        await way.send(["later@far.example"], "NOTIFY=FAILURE")
        told = {}
        for report in await way.reports(3):
            recipient = report.partition("Final-Recipient: rfc822; ")[2].partition("\r\n")[0]
            told[recipient] = report.partition("\r\nAction: ")[2].partition("\r\n")[0]
        assert told == {str(ANN): "delivered", "ok@far.example": "relayed", "later@far.example": "failed"}


async def test_the_pipeline_that_keeps_errors_to_be_tried_again(tmp_path: Path) -> None:
    container = without(SAMPLE, "bounces").replace("</processors>", f"{KEPT_ERRORS}</processors>")
    async with chain(tmp_path, container) as way:
        await way.send(["refused@far.example"])
        await way.send(["later@far.example"])
        assert failed(await way.reports(1)) == {"refused@far.example": "5.1.1"}
        kept = "var/mail/error/remote-delivery/temporary"
        status, output = await command(way.server, "repository", "mails", kept, "--json")
        assert (status, len(json.loads(output))) == (0, 1)
        # the second time its sender is told
        status, output = await command(way.server, "repository", "reprocess", kept)
        assert status == 0, output
        assert failed(await way.reports(2)).keys() == {"refused@far.example", "later@far.example"}
