"""What is there in the end, as each node shows it, and whether it agrees."""

import asyncio
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field

from tests.chaos.clients import TryLater
from tests.chaos.cluster import Node
from tests.chaos.hidden import waiting_mails
from tests.chaos.imap_clients import MAILBOXES, logged_in, ok, select
from tests.chaos.ledger import Found, Ledger, content_of
from tests.chaos.web_clients import ask, web
from tests.consistency.session import Known

DRAIN_SECONDS = 180.0
LOOK_SECONDS = 0.5
STEADY_LOOKS = 3
HINT_SECONDS = 60.0
_MARK = re.compile(rb"^X-Mark: (\S+)\r?$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One message, as a session is told of it."""

    uid: int
    modseq: int
    flags: frozenset[str]
    content: bytes


@dataclass
class Picture:
    """What one node shows of one mailbox."""

    validity: int
    status: bytes
    rows: list[Row] = field(default_factory=list)


async def drained(nodes: list[Node], ledger: Ledger) -> list[str]:
    """Waits until no queue has an entry, on any node, several times in a row, and Cassandra has none of a mail that was acknowledged,
    which a queue may hide. Return what is left when that takes too long."""
    end, steady = time.monotonic() + DRAIN_SECONDS, 0
    while True:
        try:
            left = [
                f"{node} has {size} in {name}" for node in nodes for name, size in (await _sizes(node)).items() if size
            ]
        except TryLater:
            left = ["a node cannot count its queues"]
        steady = 0 if left else steady + 1
        if steady == STEADY_LOOKS:
            left = [f"no queue shows {entry}" for entry in await waiting_mails(ledger)]
            if not left:
                return []
            steady = 0
        if time.monotonic() > end:
            return left or ["the queues do not stay empty"]
        await asyncio.sleep(LOOK_SECONDS)


async def _sizes(node: Node) -> dict[str, int]:
    async with web(node.server.web) as http:
        names = await ask(http, "GET", "/mailQueues")
        assert isinstance(names, list)
        sizes = {}
        for name in names:
            answer = await ask(http, "GET", f"/mailQueues/{name}")
            assert isinstance(answer, dict)
            mails = await ask(http, "GET", f"/mailQueues/{name}/mails")
            assert isinstance(mails, list)
            sizes[name] = max(int(answer["size"]), len(mails))
        return sizes


async def parked(node: Node) -> list[str]:
    """Mails that were set aside: none should be."""
    found = []
    async with web(node.server.web) as http:
        known = await ask(http, "GET", "/mailRepositories")
        assert isinstance(known, list)
        for repository in known:
            path = repository["path"].replace("/", "%2F")
            keys = await ask(http, "GET", f"/mailRepositories/{path}/mails")
            assert isinstance(keys, list)
            for key in keys:
                mail = await ask(http, "GET", f"/mailRepositories/{path}/mails/{key}")
                assert isinstance(mail, dict)
                found.append(f"{repository['path']} has {key} for {mail.get('recipients')}: {mail.get('error')}")
    return found


async def unhealthy(nodes: list[Node]) -> list[str]:
    """Checks that are not healthy, after all engines are back."""
    end, bad = time.monotonic() + DRAIN_SECONDS, [""]
    while bad and time.monotonic() < end:
        bad = [f"{node}: {check}" for node in nodes for check in await _bad_checks(node)]
        await asyncio.sleep(LOOK_SECONDS if bad else 0)
    return bad


async def _bad_checks(node: Node) -> list[str]:
    async with web(node.server.web) as http, http.get("/healthcheck") as answer:
        checks = (await answer.json())["checks"]
        return [
            f"{one['componentName']} is {one['status']}: {one['cause']}" for one in checks if one["status"] != "healthy"
        ]


async def pictures(node: Node, user: str) -> dict[str, Picture]:
    """All mailboxes of a user."""
    found = {}
    async with logged_in(node, user, Known()) as session:
        for mailbox in MAILBOXES:
            await select(session, mailbox)
            picture = found[mailbox] = Picture(session.validity, b"")
            if session.view:
                done = await ok(session, "FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[])")
                picture.rows += [_row(line[2]) for line in done.untagged if line[1] == "FETCH"]
            status = await ok(session, f"STATUS {mailbox} (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ SIZE)")
            picture.status = repr([line for line in status.untagged if line[0] == "STATUS"]).encode()
    return found


def _row(items: object) -> Row:
    assert isinstance(items, list)
    fields = dict(zip(map(str, items[::2]), items[1::2], strict=True))
    content = fields["BODY[]"]
    assert isinstance(content, bytes)
    return Row(int(fields["UID"]), int(fields["MODSEQ"][0]), frozenset(fields["FLAGS"]) - {"\\Recent"}, content)


def differences(user: str, one: dict[str, Picture], other: dict[str, Picture]) -> list[str]:
    """What two nodes show in another way, and counts that do not agree with the messages."""
    faults = []
    for mailbox in MAILBOXES:
        here, there = one[mailbox], other[mailbox]
        if here.validity != there.validity:
            faults.append(f"{user} {mailbox}: UIDVALIDITY {here.validity} and {there.validity}")
        if here.status != there.status:
            faults.append(f"{user} {mailbox}: STATUS {here.status!r} and {there.status!r}")
        if here.rows != there.rows:
            odd = {row.uid for row in set(here.rows) ^ set(there.rows)}
            faults.append(f"{user} {mailbox}: the nodes show other rows for the UIDs {sorted(odd)[:20]}")
        unseen = sum("\\Seen" not in row.flags for row in here.rows)
        counts = f"'MESSAGES', '{len(here.rows)}', 'UNSEEN', '{unseen}'"
        if counts.encode() not in here.status:
            faults.append(f"{user} {mailbox}: {here.status!r} where FETCH tells {counts}")
        if [row.uid for row in here.rows] != sorted({row.uid for row in here.rows}):
            faults.append(f"{user} {mailbox}: UIDs out of order")
    return faults


def judged(ledger: Ledger, users: dict[str, dict[str, Picture]]) -> list[str]:
    """What does not agree with what clients were told."""
    found: defaultdict[tuple[str, str], list[Found]] = defaultdict(list)
    faults = []
    for user, mailboxes in users.items():
        for mailbox, picture in mailboxes.items():
            for row in picture.rows:
                head, _, body = row.content.partition(b"\r\n\r\n")
                mark = _MARK.search(head)
                if mark is None:
                    faults.append(f"{user} {mailbox} {row.uid}: a message of another sender: {head[:200]!r}")
                    continue
                is_whole = body == content_of(mark[1].decode())[1]
                found[mark[1].decode(), user].append(Found(mailbox, row.uid, row.flags, is_whole))
    return faults + ledger.judge(found)


async def accounts(nodes: list[Node], ledger: Ledger) -> list[str]:
    """Users that are missing or are left."""
    faults = []
    for node in nodes:
        async with web(node.server.web) as http:
            answer = await ask(http, "GET", "/users")
            assert isinstance(answer, list)
            names = {one["username"] for one in answer}
        for name, is_there in ledger.accounts.items():
            if is_there is not None and is_there != (name in names):
                faults.append(f"{node}: user {name} {'is missing' if is_there else 'is left'}")
    return faults


async def hears(listening: Node, changing: Node, user: str) -> str | None:
    """Whether an IDLE on one node is told of an APPEND on the other. Return the fault."""
    async with logged_in(listening, user, Known()) as listener, logged_in(changing, user, Known()) as changer:
        await select(listener, "Archive")
        size, end = len(listener.view), time.monotonic() + HINT_SECONDS
        await ok(changer, "APPEND Archive", b"X-Mark: probe\r\n\r\nprobe\r\n")
        while len(listener.view) == size:
            if time.monotonic() > end:
                return f"IDLE on {listening} was not told of an APPEND on {changing} in {HINT_SECONDS:.0f} s"
            await listener.idle(0.2)
    return None
