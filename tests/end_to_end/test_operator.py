"""An operator's day: command line, configuration mistakes, start and stop."""

import http.server
import imaplib
import json
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from compostela.testing.ports import free_port
from tests.end_to_end.mailbox import fetch_all
from tests.server_process import TOKEN, ServerProcess


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "compostela", *arguments], capture_output=True, text=True, check=False)


def test_domains_users_mailboxes_queues(server: ServerProcess, user: str) -> None:
    server.command("domain", "add", "second.example")
    assert "second.example" in json.loads(server.command("domain", "list", "--json"))
    server.command("mailbox", "create", user, "Projects.One")
    assert "Projects.One" in server.command("mailbox", "list", user).split()
    assert "spool" in server.command("queue", "list")
    server.command("queue", "flush", "spool")
    server.command("send", "--to", user, "--port", str(server.smtp))
    assert len(fetch_all(server, user)) == 1
    assert json.loads(server.command("mailbox", "count", user, "INBOX", "--json")) == {"messages": 1, "unseen": 1}
    server.command("domain", "remove", "second.example", "--yes")


def test_a_vacation_is_set_shown_and_ended(server: ServerProcess, user: str) -> None:
    def shown(*arguments: str) -> dict[str, object]:
        found = json.loads(server.command("vacation", *arguments, "--json"))
        assert isinstance(found, dict)
        return found

    nothing = dict.fromkeys(("fromDate", "toDate", "subject", "textBody", "htmlBody"))
    assert shown("show", user) == {"enabled": False, **nothing}
    ends = "2999-12-31T18:00:00+01:00"
    shown("set", user, "--text", "I am away.", "--to", ends)
    found = shown("set", user, "--subject", "Away", "--from", "2026-01-01")
    assert found["enabled"] is True
    assert (found["subject"], found["textBody"], found["toDate"]) == ("Away", "I am away.", "2999-12-31T17:00:00Z")
    assert "textBody: I am away." in server.command("vacation", "show", user)
    server.command("vacation", "clear", user)
    assert shown("show", user) == {"enabled": False, **nothing}
    environment = ["--url", f"http://127.0.0.1:{server.web}", "--token", TOKEN]
    for arguments, reason in (
        (("show", "nobody@example.org"), "does not exist"),
        (("set", user, "--from", "2026-02-02", "--to", "2026-02-01"), "must not end before it begins"),
        (("set", user, "--to", "soon"), "is no time"),
    ):
        done = run("vacation", *arguments, *environment)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert reason in done.stderr


def test_a_mail_is_sent_on_every_port(server: ServerProcess) -> None:
    user, password = "sender@example.org", "pässwörd"
    server.command("user", "add", user, "--password", password)
    login = ["--to", user, "--user", user, "--password", password]
    server.command("send", *login, "--port", str(server.smtps), "--tls")
    server.command("send", *login, "--port", str(server.smtp))
    refused = run("send", *login, "--port", str(server.smtps), "--tls", "--from", "other@example.org")
    assert "503 5.7.1" in refused.stderr  # --from is the sender, also with a login
    refused = run("send", "--to", "nobody@example.org", "--port", str(server.smtp))
    assert refused.stderr.startswith(f"compostela: the mail was not taken by 127.0.0.1:{server.smtp}: 550 5.1.1 ")
    refused = run("send", "--to", "bücher@example.org", "--port", str(server.smtp))
    assert (refused.returncode, "SMTPUTF8" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)


def test_a_mail_in_a_repository_is_read_and_reprocessed(server: ServerProcess, user: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail("", [user], "Received: x\r\n" * 31 + f"Subject: loop {user}\r\n\r\nText\r\n")
    path = "var/mail/relay-limit-exceeded"
    key = None
    while key is None:
        for one in json.loads(server.command("repository", "mails", path, "--json", check=False) or "[]"):
            if f"loop {user}" in server.command("repository", "read", path, one):
                key = one
    server.command("repository", "reprocess", path, key, "--processor", "local-delivery")
    (message,) = fetch_all(server, user)
    assert f"loop {user}".encode() in message


def test_a_token_is_needed(server: ServerProcess) -> None:
    done = run("domain", "list", "--url", f"http://127.0.0.1:{server.web}", "--token", "wrong")
    assert done.returncode == 77
    assert "the token is not right" in done.stderr


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:abc", "ftp://127.0.0.1", "127.0.0.1:8000", "http://[::1", "http://a b"]
)
def test_what_is_no_url_is_said_in_one_sentence(url: str) -> None:
    done = run("domain", "list", "--url", url)
    assert done.returncode == 64
    assert "is no URL of a WebAdmin" in done.stderr


def test_what_is_no_webadmin_is_said_in_one_sentence(server: ServerProcess) -> None:
    done = run("domain", "list", "--url", f"http://127.0.0.1:{server.smtp}")
    assert (done.returncode, "is no WebAdmin" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
    for silent in (f"https://127.0.0.1:{server.web}", f"http://{'a' * 64}.example"):
        done = run("domain", "list", "--url", silent)
        assert (done.returncode, "does not answer" in done.stderr) == (69, True)
        assert "Traceback" not in done.stderr


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, format: str, *args: object) -> None:
        """Of no interest."""


def test_a_web_server_that_is_no_webadmin_is_told_of() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{web.server_port}"
        try:
            done = run("domain", "list", "--url", url)
            assert (done.returncode, done.stderr.partition(f":{web.server_port} ")[2]) == (
                1,
                "is no WebAdmin: '<html>'\n",
            )
        finally:
            web.shutdown()
            thread.join()


def test_whose_domains_are_meant_is_said(server: ServerProcess, tmp_path: Path) -> None:
    done = run("dns", "--conf", str(server.conf), "--data", str(server.data), "--json")
    assert ("example.org" in {one["zone"] for one in json.loads(done.stdout)}, done.stderr) == (True, "")
    conf, other = tmp_path / "conf", tmp_path / "webadmin.token"
    shutil.copytree(server.conf, conf)
    here = f"enabled = true\nport = {server.web}"
    for properties, token, reason in (
        (here, None, f"WebAdmin answers 401: there is no token in {tmp_path}"),
        (here, "wrong", f"WebAdmin answers 401: the token in {tmp_path} is not its own"),
        (
            f"{here}\npassword = wrong",
            "wrong",
            "WebAdmin answers 401: the password in webadmin.properties is not its own",
        ),
        (f"enabled = true\nport = {free_port()}", None, "WebAdmin does not answer"),
        ("enabled = false", None, "WebAdmin is off"),
    ):
        other.unlink(missing_ok=True)
        if token:
            other.write_text(token)
        (conf / "webadmin.properties").write_text(f"{properties}\n")
        done = run("dns", "--conf", str(conf), "--data", str(tmp_path), "--json")
        assert reason in done.stderr
        assert "The domains are those of domainlist.xml" in done.stderr


def test_mistakes_are_reported_all_at_once_with_their_places(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "smtpserver.xml").write_text(
        "<smtpservers>\n<smtpserver>\n<bnd>x</bnd>\n<maxLineLength>ten</maxLineLength>\n</smtpserver>\n</smtpservers>"
    )
    (conf / "webadmin.properties").write_text("prot = 8000\n")
    for command in (["check"], ["serve", "--data", str(tmp_path / "data")]):
        done = run(*command, "--conf", str(conf))
        assert done.returncode == 78
        output = done.stdout + done.stderr
        assert "smtpserver.xml:3: unknown 'bnd' in <smtpserver>; did you mean 'bind'?" in output
        assert "smtpserver.xml:4: maxLineLength: 'ten' is not a whole number" in output
        assert "webadmin.properties:1: unknown 'prot' in <webadmin.properties>; did you mean 'port'?" in output


def test_a_port_in_use_is_one_sentence(server: ServerProcess, tmp_path: Path) -> None:
    other = ServerProcess(tmp_path, smtp=server.smtp)
    done = run("serve", "--conf", str(other.conf), "--data", str(other.data))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{server.smtp}: the port is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_first_start_tells_how_to_go_on_and_sigterm_ends_it(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path, web=free_port())
    (process.conf / "domainlist.xml").write_text("<domainlist><defaultDomain>localhost</defaultDomain></domainlist>")
    process.start()
    process.wait_for_web()
    assert process.stop() == 0
    log = process.log()
    assert "A first user was made: user@localhost with the password " in log
    assert "compostela send --to user@localhost" in log
    process.start()
    assert process.stop() == 0
    assert process.log().count("A first user was made") == 1


def test_bans_and_delegations(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    (server.conf / "authentication.properties").write_text("failures.limit=1\ndelay.first=1ms\n")
    server.start()
    server.wait_for_web()
    for name in ("boss@example.org", "assistant@example.org"):
        server.add_user(name)
    server.command("delegation", "add", "boss@example.org", "assistant@example.org")
    assert json.loads(server.command("delegation", "list", "boss@example.org", "--json")) == ["assistant@example.org"]
    server.command("delegation", "remove", "boss@example.org", "assistant@example.org")
    assert server.command("delegation", "list", "boss@example.org") == ""
    assert server.command("ban", "list") == ""
    with imaplib.IMAP4("127.0.0.1", server.imap) as imap, pytest.raises(imaplib.IMAP4.error):
        imap.login("boss@example.org", "wrong")
    (ban,) = json.loads(server.command("ban", "list", "--json"))
    assert (ban["address"], ban["failures"]) == ("127.0.0.1", 1)
    assert server.command("ban", "list").startswith("127.0.0.1  1 failed logins, until ")
    assert server.command("ban", "clear", check=False) == ""
    assert server.command("ban", "clear", "192.0.2.1", check=False) == ""
    assert server.command("ban", "clear", "127.0.0.1") == "127.0.0.1 may log in again\n"
    with imaplib.IMAP4("127.0.0.1", server.imap) as imap:
        imap.login("boss@example.org", "secret")
    with socket.create_connection(("127.0.0.1", server.proxied), timeout=20) as connection:
        connection.sendall(b"PROXY TCP6 2001:db8::77 2001:db8::1 4711 25\r\n")
        client = connection.makefile("rwb")
        assert client.readline().startswith(b"220 ")
        client.write(b"AUTH PLAIN AGIAYw==\r\n")
        client.flush()
        assert client.readline().startswith(b"535 ")
    assert server.command("ban", "list").startswith("2001:db8::/64  1 failed logins, until ")
    assert server.command("ban", "clear", "2001:db8::/64") == "2001:db8::/64 may log in again\n"
    assert server.command("ban", "clear", "--all") == "everybody may log in again\n"
    assert server.stop() == 0


def test_groups_forwards_and_mappings_lead_mail_on(server: ServerProcess, user: str) -> None:
    domain = user.partition("@")[2]
    for name in ("reader", "writer"):
        server.add_user(f"{name}@{domain}")
    reader, writer, team = (f"{name}@{domain}" for name in ("reader", "writer", "team"))
    server.command("group", "add", team, reader)
    server.command("group", "add", team, writer)
    assert server.command("group", "show", team).split() == [reader, writer]
    assert team in server.command("group", "list").split()
    server.command("forward", "add", writer, user)
    assert server.command("forward", "list") == f"{writer} -> {user}\n"
    server.command("mapping", "add", f"*@{domain}", "Regex", f"(.*)-help@{domain}:{team}")
    assert f"*@{domain}  Regex" in server.command("mapping", "list")
    assert server.command("mapping", "sources", "Group", reader) == f"{team}\n"
    server.command("send", "--to", f"any-help@{domain}", "--port", str(server.smtp))
    assert [len(fetch_all(server, one)) for one in (reader, user)] == [1, 1]
    server.command("mapping", "remove", "Regex", f"(.*)-help@{domain}:{team}", "--yes")
    server.command("forward", "remove", writer, user)
    server.command("group", "remove", team, reader)
    server.command("group", "remove", team, writer)
    assert [server.command(name, "list") for name in ("group", "forward")] == ["", ""]


def test_drop_lists_and_rules_of_data_leak_prevention(server: ServerProcess, user: str, tmp_path: Path) -> None:
    for owner in ([], ["--for", user], ["--for", "example.org"]):
        server.command("droplist", "add", "spam.example", *owner)
        assert server.command("droplist", "list", *owner) == "spam.example\n"
        server.command("droplist", "remove", "spam.example", *owner)
        assert server.command("droplist", "list", *owner) == ""
    rules = {"rules": [{"id": "1", "expression": "secret", "targetsContent": True}]}
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules))
    server.command("dlp", "set", "example.org", str(file))
    assert server.command("dlp", "show", "example.org") == "1  secret\n"
    server.command("dlp", "clear", "example.org", "--yes")
    assert json.loads(server.command("dlp", "show", "example.org", "--json")) == {"rules": []}


def test_a_mails_way_is_explained(server: ServerProcess, user: str, tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(b"Subject: x\r\n\r\nhello\r\n")
    told = server.command("explain", str(file), "--from", "a@b.example", "--to", user)
    assert f"{user}: store in the mailbox INBOX of {user}" in told
    assert "-> LocalDelivery" in told
    told = server.command("explain", str(file), "--from", "a@b.example", "--to", "x@elsewhere.example")
    assert "processor relay-denied" in told
    assert json.loads(server.command("explain", str(file), "--to", user, "--json"))["complete"] is True
    assert "spool  0" in server.command("queue", "list")
    assert server.command("mailbox", "list", user) == ""


def test_aliases_and_domain_aliases(server: ServerProcess) -> None:
    server.add_user("alias-owner@example.org")
    server.command("domain", "add", "alias.example")
    server.command("domain", "alias", "add", "alias.example", "example.org")
    assert server.command("domain", "alias", "list", "example.org") == "alias.example\n"
    server.command("domain", "alias", "remove", "alias.example", "example.org")
    assert server.command("domain", "alias", "list", "example.org") == ""
    server.command("domain", "remove", "alias.example", "--yes")
    pair = "info@example.org", "alias-owner@example.org"
    server.command("alias", "add", *pair)
    assert server.command("alias", "list") == "info@example.org -> alias-owner@example.org\n"
    assert "info@example.org" in server.command("user", "show", "alias-owner@example.org").split()
    server.command("alias", "remove", *pair)
    assert server.command("alias", "list") == ""


@pytest.mark.parametrize(
    "command",
    [
        ("user", "remove", "nobody@example.org", "--yes"),
        ("user", "password", "nobody@example.org", "--password", "x"),
        ("domain", "remove", "nowhere.example", "--yes"),
        ("domain", "show", "nowhere.example"),
        ("mailbox", "remove", "known@example.org", "Nothing", "--yes"),
        ("delegation", "add", "known@example.org", "nobody@example.org"),
        ("alias", "remove", "nobody@example.org", "known@example.org"),
        ("queue", "show", "outgoing", "no-mail"),
    ],
)
def test_unknown_names_are_errors(server: ServerProcess, command: tuple[str, ...]) -> None:
    server.command("user", "add", "known@example.org", "--password", "secret", "--force")
    done = run(*command, "--url", f"http://127.0.0.1:{server.web}", "--token", TOKEN)
    assert (done.returncode, done.stdout, done.stderr.startswith("compostela: ")) == (1, "", True)


def test_what_destroys_is_not_done_without_being_asked(server: ServerProcess) -> None:
    server.add_user("kept@example.org")
    reach = "--url", f"http://127.0.0.1:{server.web}", "--token", TOKEN
    done = subprocess.run(
        [sys.executable, "-m", "compostela", "user", "remove", "kept@example.org", *reach],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "give --yes" in done.stderr) == (64, True)
    assert "kept@example.org" in server.command("user", "list")


def test_passwords_come_from_standard_input_and_users_from_csv(server: ServerProcess, tmp_path: Path) -> None:
    environment = {"COMPOSTELA_URL": f"http://127.0.0.1:{server.web}", "COMPOSTELA_TOKEN": TOKEN}

    def with_input(text: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "compostela", *arguments]
        return subprocess.run(
            command, input=text, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )

    rows = 'username,password\nfirst@example.org,one\n"second@example.org","with, comma"\n'
    assert with_input(rows, "user", "import", "-").stdout == "2 users can log in now\n"
    with imaplib.IMAP4("127.0.0.1", server.imap) as imap:
        imap.login("second@example.org", "with, comma")
    done = with_input("third@example.org,x\nfourth@example.org\n", "user", "import", "-")
    assert (done.returncode, done.stderr) == (
        1,
        "compostela: line 2 is not 'username,password': no user was made\n",
    )
    done = with_input("third@example.org,x\nfirst@example.org,x\n", "user", "import", "-")
    assert (done.returncode, "line 2: User already exists" in done.stderr) == (1, True)
    assert "1 of 2 users were made" in done.stderr
    assert with_input("changed\n", "user", "password", "first@example.org", "--password-stdin").returncode == 0
    with imaplib.IMAP4("127.0.0.1", server.imap) as imap:
        imap.login("first@example.org", "changed")


def test_health_and_metrics(server: ServerProcess) -> None:
    found = json.loads(server.command("health", "--json", check=False))
    assert found["checks"]
    everything = server.command("metrics").splitlines()
    name = next(line for line in everything if line.startswith("# TYPE ")).split()[2]
    chosen = server.command("metrics", name).splitlines()
    assert chosen
    assert set(chosen) < set(everything)
    unknown = run("metrics", "frob", "--url", f"http://127.0.0.1:{server.web}", "--token", TOKEN)
    assert (unknown.returncode, unknown.stderr) == (1, "compostela: there is no metric frob\n")


def test_the_level_of_the_log_changes_while_the_server_runs(server: ServerProcess, user: str) -> None:
    def noop(tag: bytes) -> None:
        with socket.create_connection(("127.0.0.1", server.imap), timeout=30) as c, c.makefile("rwb") as lines:
            lines.readline()
            lines.write(b'%bl LOGIN %b "secret word"\r\n%bn NOOP\r\n' % (tag, user.encode(), tag))
            lines.flush()
            while not lines.readline().startswith(tag + b"n OK"):
                pass

    def loud(tag: bytes) -> str:
        """What is logged up to the last command of a session that is told."""
        assert server.command("log", "level", "imap", "debug") == "imap is logged from debug on\n"
        noop(tag)
        end = time.monotonic() + 30
        while f"tag={tag.decode()}n" not in (written := server.log()):
            assert time.monotonic() < end, written
            time.sleep(0.01)
        return written

    loud(b"first")
    assert server.command("log", "level", "imap", "default") == "imap is logged from warning on\n"
    noop(b"quiet")
    written = loud(b"second")
    assert "quietn" not in written
    assert "secret word" not in written
    server.command("log", "level", "imap", "default")
    refused = run("log", "level", "frob", "debug", "--url", f"http://127.0.0.1:{server.web}", "--token", TOKEN)
    assert (refused.returncode, "no component frob" in refused.stderr) == (1, True)
