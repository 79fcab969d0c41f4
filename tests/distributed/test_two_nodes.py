"""Two servers on the same engines are one: what one accepts the other shows, also when the first one dies."""

import imaplib
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.distributed.node_calls import eventually
from tests.distributed.node_mails import LARGE, USER, send
from tests.distributed.nodes import blob_settings, broker_uri, engine_files, node, redis_server
from tests.end_to_end.mailbox import fetch_all, session
from tests.server_process import ServerProcess

__all__ = ["blob_settings", "broker_uri", "engine_files", "node", "redis_server"]

MAILS = 40
SENDERS = 4
SECONDS = 120.0
HEARD_SECONDS = 0.2
ROUNDS = 12
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


def test_idle_on_one_node_hears_of_a_message_on_the_other_within_200_ms(node: StartNode) -> None:
    """From the moment in which the other node is given the message. On a busy machine some may take longer; without hints a session
    looks every few seconds, so that none of them would be in time."""
    first, second = node("first"), node("second")
    first.add_user(USER)
    with session(second, USER) as listener, session(first, USER) as writer:
        writer.append("INBOX", "", "", b"Subject: first\r\n\r\nx\r\n")
        listener.select("INBOX")
        eventually(second, lambda: heard_after(listener, writer) < HEARD_SECONDS)
        times = sorted(heard_after(listener, writer) for _ in range(ROUNDS))
    assert times[ROUNDS // 4] < HEARD_SECONDS, times


def heard_after(listener: imaplib.IMAP4, writer: imaplib.IMAP4) -> float:
    """Seconds from the beginning of an APPEND until IDLE tells of it."""
    listener.send(b"i IDLE\r\n")
    assert listener.readline().startswith(b"+")
    began = time.monotonic()
    writer.append("INBOX", "", "", b"Subject: next\r\n\r\nx\r\n")
    while b"EXISTS" not in listener.readline():
        pass
    seconds = time.monotonic() - began
    listener.send(b"DONE\r\n")
    while not listener.readline().startswith(b"i OK"):
        pass
    return seconds
