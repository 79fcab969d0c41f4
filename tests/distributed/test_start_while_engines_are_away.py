"""A node starts while its engines are away, answers with temporary errors, and serves as they come."""

import imaplib
import json
import os
import poplib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.distributed.node_calls import SECONDS, eventually, web
from tests.distributed.nodes import EngineFiles, blob_settings, broker_uri, engine_files, redis_server
from tests.distributed.own_engines import OwnEngines
from tests.distributed.switched_relay import SwitchedRelay, port_in
from tests.end_to_end.mailbox import fetch_all
from tests.server_process import ServerProcess

__all__ = ["blob_settings", "broker_uri", "engine_files", "redis_server"]

USER = "reader@example.org"
LARGE = os.urandom(20_000).hex().encode()
ENGINE_OF = {
    "Cassandra backend": "cassandra",
    "RabbitMQ backend": "rabbitmq",
    "ObjectStorage": "seaweedfs",
    "Redis": "redis",
}
FILE_OF = {
    "cassandra": "cassandra.properties",
    "rabbitmq": "rabbitmq.properties",
    "seaweedfs": "blob.properties",
    "redis": "redis.properties",
}
COMPONENT_OF = {engine: component for component, engine in ENGINE_OF.items()}
"""As health checks and their log lines name an engine."""


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[OwnEngines]:
    own = OwnEngines(tmp_path / "engines")
    yield own
    own.stop()


def away(server: ServerProcess) -> set[str]:
    """The engines that are not healthy."""
    checks = json.loads(web(server, "/healthcheck")[1])["checks"]
    return {
        ENGINE_OF[one["componentName"]]
        for one in checks
        if one["componentName"] in ENGINE_OF and one["status"] != "healthy"
    }


def send(server: ServerProcess, body: bytes) -> int:
    """The reply code at the end, or the first that is no success."""
    lines = [body[at : at + 70] for at in range(0, len(body), 70)]
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=SECONDS) as smtp:
        smtp.ehlo("client.example")
        for code, _ in (smtp.mail("a@b.example"), smtp.rcpt(USER)):
            if code != 250:
                return code
        return smtp.data(b"Subject: x\r\n\r\n" + b"\r\n".join(lines) + b"\r\n")[0]


def login(server: ServerProcess) -> str:
    """What the server answers."""
    with imaplib.IMAP4("127.0.0.1", server.imap, timeout=SECONDS) as imap:
        try:
            return imap.login(USER, "secret")[0]
        except imaplib.IMAP4.error as refused:
            return str(refused)


def refused_by_pop3(server: ServerProcess) -> str:
    pop = poplib.POP3("127.0.0.1", server.pop3, timeout=SECONDS)
    pop.user(USER)
    with pytest.raises(poplib.error_proto) as refused:
        pop.pass_("secret")
    pop.close()
    return str(refused.value)


def test_a_node_starts_without_engines_and_serves_as_they_come(engines: OwnEngines, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "node")
    for file, text in engines.files().items():
        (server.conf / file).write_text(text)
    server.start()
    server.wait_for_web()
    try:
        assert away(server) == set(ENGINE_OF.values())
        assert send(server, b"small") == 451
        assert "[UNAVAILABLE]" in login(server)
        assert "[SYS/TEMP]" in refused_by_pop3(server)
        assert web(server, "/domains")[0] == 503
        assert web(server, "/users")[0] == 503

        engines.start("cassandra")
        eventually(server, lambda: "cassandra" not in away(server))
        eventually(server, lambda: b"example.org" in web(server, "/domains")[1])
        server.add_user(USER)
        assert login(server) == "OK"
        assert away(server) == {"rabbitmq", "seaweedfs", "redis"}
        assert send(server, b"small") == 250, "it waits for the broker"
        assert send(server, LARGE) in (451, 452), "there is nowhere to put its body"

        engines.start("seaweedfs", "redis")
        eventually(server, lambda: away(server) == {"rabbitmq"})
        assert send(server, LARGE) == 250

        engines.start("rabbitmq")
        eventually(server, lambda: not away(server))
        messages = fetch_all(server, USER, 2)
        assert len(messages) == 2
        assert max(len(one) for one in messages) > len(LARGE)
    finally:
        server.stop()


@pytest.fixture
def relay(engine: str, engine_files: EngineFiles) -> Iterator[SwitchedRelay]:
    """The only way to one engine, at first cut."""
    with SwitchedRelay(port_in(engine_files[FILE_OF[engine]])) as relay:
        yield relay


@pytest.mark.parametrize(
    ("engine", "hangs"),
    [
        *((engine, False) for engine in FILE_OF),
        *((engine, True) for engine in FILE_OF if engine != "seaweedfs"),
        # each health check and the large mail wait for their time limits
        pytest.param("seaweedfs", True, marks=pytest.mark.slow),
    ],
    ids=lambda value: {False: "refuses", True: "hangs"}.get(value, value),
)
def test_a_node_starts_while_one_engine_is_away(
    engine: str, hangs: bool, engine_files: EngineFiles, relay: SwitchedRelay, tmp_path: Path
) -> None:
    """It serves what needs the other engines, names the one that is away, and needs no restart when it is back."""
    if hangs:
        relay.hang()
    server = ServerProcess(tmp_path / "node")
    for file, text in engine_files.items():
        here = text if file != FILE_OF[engine] else text.replace(f":{port_in(text)}", f":{relay.port}")
        (server.conf / file).write_text(here)
    server.start()
    server.wait_for_web()
    try:
        eventually(server, lambda: away(server) == {engine})
        eventually(server, lambda: COMPONENT_OF[engine] in server.log())
        if engine == "cassandra":
            assert send(server, b"small") == 451
            assert "[UNAVAILABLE]" in login(server)
            assert web(server, "/users")[0] == 503
            taken = 0
        else:
            server.add_user(USER)
            assert login(server) == "OK"
            assert send(server, b"small") == 250
            taken = 1
            if engine == "seaweedfs":
                assert send(server, LARGE) in (451, 452)
            if engine != "rabbitmq":
                fetch_all(server, USER, taken)

        relay.open()
        eventually(server, lambda: not away(server))
        if engine == "cassandra":
            server.add_user(USER)
        assert send(server, LARGE) == 250
        assert len(fetch_all(server, USER, taken + 1)) == taken + 1
    finally:
        server.stop()
    assert "Traceback" not in server.log(), "an engine that is away is told in one line"
