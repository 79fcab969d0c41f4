"""Autoconfig, autodiscover and the MTA-STS policy, as mail programs and other servers ask for them."""

import http.client
import json
import ssl
from pathlib import Path

import pytest
from lxml import etree

from compostela.app import first_start
from tests.server_process import TOKEN, ServerProcess

OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
RESPONSE = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
<EMailAddress>{}</EMailAddress><AcceptableResponseSchema>{}</AcceptableResponseSchema></Request></Autodiscover>"""


def ask(
    server: ServerProcess, path: str, *, host: str = "mail.example.org", body: bytes | None = None
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.public, timeout=30)
    try:
        connection.request("GET" if body is None else "POST", path, body, {"Host": host})
        response = connection.getresponse()
        return response.status, response.headers.get_content_type(), response.read()
    finally:
        connection.close()


def discover(server: ServerProcess, body: bytes, path: str = "/autodiscover/autodiscover.xml") -> etree._Element:
    status, media_type, answer = ask(server, path, body=body)
    assert (status, media_type) == (200, "application/xml")
    return etree.fromstring(answer)


def test_thunderbird_is_told_all_ports_with_tls_from_the_beginning_first(server: ServerProcess) -> None:
    status, media_type, body = ask(server, "/mail/config-v1.1.xml?emailaddress=bob%40example.org")
    assert (status, media_type) == (200, "application/xml")
    root = etree.fromstring(body)
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    assert [one.get("id") for one in root] == ["example.org"]
    assert root.findtext("emailProvider/domain") == "example.org"
    told = {
        tag: [(one.findtext("hostname"), one.findtext("port"), one.findtext("socketType")) for one in root.iter(tag)]
        for tag in ("incomingServer", "outgoingServer")
    }
    assert told == {
        "incomingServer": [
            ("mail.example.org", str(server.imaps), "SSL"),
            ("mail.example.org", str(server.imap), "STARTTLS"),
        ],
        "outgoingServer": [
            ("mail.example.org", str(server.smtps), "SSL"),
            ("mail.example.org", str(server.smtp), "STARTTLS"),
        ],
    }
    assert {one.text for one in root.iter("username")} == {"%EMAILADDRESS%"}
    assert {one.text for one in root.iter("authentication")} == {"password-cleartext"}


@pytest.mark.parametrize("host", ["example.org", "autoconfig.example.org", "autoconfig.EXAMPLE.org:8080"])
def test_without_an_address_the_host_tells_the_domain(server: ServerProcess, host: str) -> None:
    for path in ("/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"):
        status, _, body = ask(server, path, host=host)
        assert status == 200
        assert b'<emailProvider id="example.org">' in body


@pytest.mark.parametrize(
    "address", ["bob@elsewhere.example", "bob@", "@", "bob@exa mple.org", "%00@example.org%0d%0aX: y"]
)
def test_other_domains_have_no_document(server: ServerProcess, address: str) -> None:
    path = f"/mail/config-v1.1.xml?emailaddress={address.replace(' ', '%20')}"
    assert ask(server, path, host="elsewhere.example")[0] == 404


@pytest.mark.parametrize(
    "path", ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.XML"]
)
def test_outlook_is_told_one_port_of_each_kind(server: ServerProcess, path: str) -> None:
    root = discover(server, REQUEST.format("bob@example.org", OUTLOOK.strip("{}")).encode(), path)
    assert root.tag == f"{RESPONSE}Autodiscover"
    assert root.findtext(f".//{OUTLOOK}Action") == "settings"
    told = [
        tuple(one.findtext(f"{OUTLOOK}{name}") for name in ("Type", "Server", "Port", "LoginName", "SSL", "Encryption"))
        for one in root.iter(f"{OUTLOOK}Protocol")
    ]
    assert told == [
        ("IMAP", "mail.example.org", str(server.imaps), "bob@example.org", "on", "SSL"),
        ("SMTP", "mail.example.org", str(server.smtps), "bob@example.org", "on", "SSL"),
    ]


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c SYSTEM "file:///etc/passwd">]><Autodiscover><Request><EMailAddress>&{};@example.org</EMailAddress></Request></Autodiscover>"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no XML",
        b"<Autodiscover/>",
        REQUEST.format("no address", "").encode(),
        REQUEST.format("", "").encode(),
        BOMB.format("b").encode(),
        BOMB.format("c").encode(),
        BOMB.format("b").encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-<EMailAddress>bob@example.org</EMailAddress>',
        b"<a>" * 5000 + b"<EMailAddress>bob@example.org</EMailAddress>" + b"</a>" * 5000,
        b"<!-- " + b"x" * 20_000 + b" --><EMailAddress>bob@example.org</EMailAddress>",
    ],
    ids=range(11),
)
def test_what_is_no_request_gets_the_formats_own_error(server: ServerProcess, body: bytes) -> None:
    assert discover(server, body).findtext(f".//{RESPONSE}ErrorCode") == "600"


def test_an_address_elsewhere_is_unknown(server: ServerProcess) -> None:
    body = REQUEST.format("bob@elsewhere.example", "").encode()
    assert discover(server, body).findtext(f".//{RESPONSE}ErrorCode") == "500"


def test_what_an_address_holds_is_text_in_the_answer(server: ServerProcess) -> None:
    root = discover(server, REQUEST.format("&quot;a&lt;b&gt;&amp;&quot;@example.org", "").encode())
    assert root.findtext(f".//{OUTLOOK}LoginName") == '"a<b>&"@example.org'


def test_the_json_of_version_2_leads_to_the_xml(server: ServerProcess) -> None:
    for path in (
        "/autodiscover/autodiscover.json?Email=bob%40example.org&Protocol=AutodiscoverV1",
        "/Autodiscover/Autodiscover.json/v1.0/bob@example.org?Protocol=Autodiscoverv1",
    ):
        status, _, body = ask(server, path)
        assert status == 200
        assert json.loads(body) == {
            "Protocol": "AutodiscoverV1",
            "Url": "https://autodiscover.example.org/autodiscover/autodiscover.xml",
        }
    status, _, body = ask(server, "/autodiscover/autodiscover.json?Email=bob%40example.org&Protocol=ActiveSync")
    assert (status, json.loads(body)["ErrorCode"]) == (400, "InvalidProtocol")
    status, _, body = ask(server, "/autodiscover/autodiscover.json?Email=bob%40example.org")
    assert (status, json.loads(body)["ErrorCode"]) == (400, "MandatoryParameterMissing")
    assert ask(server, "/autodiscover/autodiscover.json?Email=a%40b.example&Protocol=AutodiscoverV1")[0] == 404


def test_the_mta_sts_policy_is_that_of_compostela_dns(server: ServerProcess) -> None:
    status, media_type, body = ask(server, "/.well-known/mta-sts.txt", host="mta-sts.example.org")
    assert (status, media_type) == (200, "text/plain")
    printed = json.loads(server.command("dns", "--conf", str(server.conf), "--data", str(server.data), "--json"))
    policies = {one["zone"]: one["mtaStsPolicy"] for one in printed}
    assert body.decode() == policies["example.org"]["text"]
    assert ask(server, "/.well-known/mta-sts.txt", host="mta-sts.elsewhere.example")[0] == 404


def test_nothing_else_is_served(server: ServerProcess) -> None:
    for path in ("/", "/domains", "/healthcheck", "/autodiscover/../domains", "/mail/"):
        assert ask(server, path)[0] == 404
    assert ask(server, "/mail/config-v1.1.xml", body=b"x")[0] == 405


def test_https_with_a_key_of_its_own_that_is_exchanged_with_the_others(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path)
    first_start.make_certificate(tmp_path, "mta-sts.example.org")
    (process.conf / "autoconfiguration.properties").write_text(
        f"enabled = true\nport = {process.public}\nhttps.enabled = true\n"
        f"https.privateKey = {tmp_path}/tls/key.pem\nhttps.certificates = {tmp_path}/tls/certificate.pem\n"
    )
    process.start()
    try:
        process.wait_for_web()
        context = ssl.create_default_context(cafile=str(tmp_path / "tls/certificate.pem"))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", process.public, timeout=30, context=context)
        connection.request("GET", "/.well-known/mta-sts.txt", headers={"Host": "mta-sts.example.org"})
        assert connection.getresponse().read().startswith(b"version: STSv1\r\n")
        connection.close()
        web = http.client.HTTPConnection("127.0.0.1", process.web, timeout=30)
        web.request("POST", f"/servers?reload-certificate&port={process.public}", headers={"Password": TOKEN})
        assert web.getresponse().status < 300
        web.close()
    finally:
        assert process.stop() == 0


def test_https_without_a_key_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path)
    (process.conf / "autoconfiguration.properties").write_text("enabled = true\nhttps.enabled = true\n")
    output = process.command("check", "--conf", str(process.conf), check=False)
    assert (
        "autoconfiguration.properties: HTTPS needs https.keystore, or https.privateKey and https.certificates" in output
    )
