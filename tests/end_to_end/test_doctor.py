"""The examination of a server in its own process, from the command line and from inside."""

import http.client
import json

from tests.server_process import TOKEN, ServerProcess


def call(server: ServerProcess, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, object]:
    connection = http.client.HTTPConnection("127.0.0.1", server.web, timeout=60)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def severities(document: object) -> dict[str, set[str]]:
    assert isinstance(document, dict)
    found: dict[str, set[str]] = {}
    for one in document["findings"]:
        found.setdefault(one["check"], set()).add(one["severity"])
    return found


CHECKS = ("relay", "tls", "account")


def test_a_server_examines_itself(server: ServerProcess, user: str) -> None:
    status, document = call(
        server, "POST", "/doctor", {"user": user, "password": "secret", "domains": ["example.org"], "checks": CHECKS}
    )
    assert status == 200
    assert severities(document) == {"relay": {"ok"}, "tls": {"ok"}, "account": {"ok"}}
    status, document = call(server, "GET", "/doctor?check=passwords&domain=example.org")
    assert (status, severities(document)) == (200, {"passwords": {"error"}})
    assert isinstance(document, dict)
    assert document["worst"] == "error"


def test_the_command_line_says_the_same(server: ServerProcess, user: str) -> None:
    chosen = [part for check in CHECKS for part in ("--check", check)]
    folders = ["--conf", str(server.conf), "--data", str(server.data)]
    output = server.command("doctor", *folders, "--user", user, "--password", "secret", *chosen, "--json")
    assert severities(json.loads(output)) == {"relay": {"ok"}, "tls": {"ok"}, "account": {"ok"}}


def test_records_by_the_administration_api(server: ServerProcess) -> None:
    status, found = call(server, "GET", "/doctor/records?domain=example.org")
    assert status == 200
    assert isinstance(found, list)
    (publication,) = found
    names = {(one["name"], one["type"]) for one in publication["records"]}
    assert {("example.org", "MX"), ("_25._tcp.mail.example.org", "TLSA"), ("_imaps._tcp.example.org", "SRV")} <= names
    services = {one["name"]: one["value"] for one in publication["records"] if one["type"] == "SRV"}
    assert services["_pop3s._tcp.example.org"] == f"20 1 {server.pop3s} mail.example.org."
    assert publication["mtaStsPolicy"]["url"] == "https://mta-sts.example.org/.well-known/mta-sts.txt"


def test_bad_requests_and_strangers(server: ServerProcess) -> None:
    assert call(server, "GET", "/doctor", token="wrong")[0] == 401
    assert call(server, "POST", "/doctor", {"user": "bob"})[0] == 400
    assert call(server, "POST", "/doctor", {"domains": "x"})[0] == 400
    assert call(server, "GET", "/doctor?domain=a%20b")[0] == 400
    assert call(server, "GET", "/doctor?check=mxx")[0] == 400
