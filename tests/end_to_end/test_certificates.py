"""An operator changes the certificate of a running server: over WebAdmin, by the command, by SIGHUP."""

import http.client
import json
import shutil
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import TOKEN, ServerProcess

KEYS = Path(__file__).parents[1] / "data" / "tls"
FIRST, SECOND = "mail.example.org", "mail.example.net"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """The TLS ports take key and certificate from one file, which is `together.pem` to begin with."""
    process = ServerProcess(tmp_path)
    for file in process.conf.glob("*server.xml"):
        text = file.read_text().replace("file://var/tls/key.pem", "file://conf/key.pem")
        file.write_text(text.replace("file://var/tls/certificate.pem", "file://conf/key.pem"))
    put(process, "together.pem")
    process.start()
    process.wait_for_web()
    yield process
    assert process.stop() == 0


def put(server: ServerProcess, name: str) -> None:
    shutil.copy(KEYS / name, server.conf / "key.pem")


def shown(port: int) -> str:
    """The name in the certificate."""
    from cryptography.x509 import DNSName, SubjectAlternativeName, load_pem_x509_certificate

    certificate = load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    return names.get_values_for_type(DNSName)[0]


def post(server: ServerProcess, query: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.web, timeout=30)
    connection.request("POST", f"/servers{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if body else {}


def test_webadmin_answers_as_james_does(server: ServerProcess) -> None:
    assert shown(server.smtps) == shown(server.imaps) == FIRST
    put(server, "other.pem")
    assert post(server, "") == (
        400,
        {
            "statusCode": 400,
            "type": "InvalidArgument",
            "message": "Invalid arguments supplied in the user request",
            "details": "'reload-certificate' query parameter shall be specified",
        },
    )
    status, body = post(server, "?reload-certificate&port=1")
    assert (status, body["type"]) == (400, "notFound")
    for wrong in ("0", "65536", "x", "-1", ""):
        status, body = post(server, f"?reload-certificate&port={wrong}")
        assert (status, body["type"]) == (400, "InvalidArgument")
    assert shown(server.smtps) == FIRST
    assert post(server, f"?reload-certificate&port={server.smtps}") == (204, {})
    assert (shown(server.smtps), shown(server.imaps)) == (SECOND, FIRST)
    assert post(server, "?reload-certificate") == (204, {})
    assert shown(server.imaps) == SECOND


def test_a_broken_file_is_told_and_the_old_certificate_stays(server: ServerProcess) -> None:
    (server.conf / "key.pem").write_text("nonsense")
    status, body = post(server, f"?reload-certificate&port={server.smtps}")
    assert status == 400
    assert "smtps keeps its certificate" in body["details"]
    assert shown(server.smtps) == FIRST
    assert "the certificate stays the old one" in server.log()


def test_the_command_reloads(server: ServerProcess) -> None:
    put(server, "other.pem")
    assert "new connections get the certificates" in server.command(
        "certificate", "reload", "--port", str(server.imaps)
    )
    assert (shown(server.smtps), shown(server.imaps)) == (FIRST, SECOND)


def test_sighup_reloads(server: ServerProcess) -> None:
    put(server, "other.pem")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 30
    while shown(server.smtps) != SECOND:
        assert time.monotonic() < end
