"""Two servers on the same engines are one: what one accepts the other shows, also when the first one dies."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.distributed.node_mails import LARGE, USER, send
from tests.distributed.nodes import blob_settings, broker_uri, engine_files, node, redis_server
from tests.end_to_end.mailbox import fetch_all, session
from tests.server_process import ServerProcess

__all__ = ["blob_settings", "broker_uri", "engine_files", "node", "redis_server"]

MAILS = 40
SENDERS = 4
SECONDS = 120.0
_SUBJECT = re.compile(rb"^Subject: (\d+)", re.MULTILINE)

StartNode = Callable[[str], ServerProcess]


def wait_for_empty_queues(server: ServerProcess) -> None:
    end = time.monotonic() + SECONDS
    while any(one["size"] for one in json.loads(server.command("queue", "list", "--json"))):
        assert time.monotonic() < end, server.log()[-2000:]
        time.sleep(0.2)


def test_what_a_node_accepted_before_it_was_killed_is_read_once_on_the_other(node: StartNode) -> None:
    first, second = node("first"), node("second")
    first.add_user(USER)
    with session(second, USER) as imap:
        assert imap.select("INBOX")[0] == "OK", "a user of one node logs in on the other"
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda number: send(first, number), range(MAILS)))
    first.kill()
    wait_for_empty_queues(second)
    messages = fetch_all(second, USER, MAILS)
    assert sorted(int(_SUBJECT.findall(message)[0]) for message in messages) == list(range(MAILS))
    bodies = {int(_SUBJECT.findall(one)[0]): one.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"") for one in messages}
    assert all(bodies[number] == (LARGE[number:] if number % 2 else b"small") for number in range(MAILS))


def test_flags_and_users_of_one_node_are_those_of_the_other(node: StartNode) -> None:
    first, second = node("first"), node("second")
    first.add_user(USER)
    send(first, 0)
    fetch_all(second, USER)
    with session(second, USER) as there, session(first, USER) as here:
        here.select("INBOX")
        there.select("INBOX")
        there.store("1", "+FLAGS", "(\\Flagged)")
        # the answer, and maybe what the session is told of the change on the other node
        _, told = here.fetch("1", "(FLAGS)")
        assert all(isinstance(line, bytes) and b"\\Flagged" in line for line in told), told
        here.store("1", "+FLAGS", "(\\Deleted)")
        here.expunge()
        there.noop()
        assert there.status("INBOX", "(MESSAGES)")[1] == [b"INBOX (MESSAGES 0)"]
    health = json.loads(second.command("health", "--json"))
    assert {one["componentName"]: one["status"] for one in health["checks"]}.items() >= {
        "Cassandra backend": "healthy", "RabbitMQ backend": "healthy", "ObjectStorage": "healthy", "Redis": "healthy",
    }.items()  # fmt: skip
