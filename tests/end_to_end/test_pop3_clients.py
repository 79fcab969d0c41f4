"""Real clients that read by POP3, and what is left when the server is killed."""

import contextlib
import poplib
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all
from tests.end_to_end.mailbox import session as imap_session
from tests.programs import needs
from tests.server_process import ServerProcess

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "USER": "test"}


def deliver(server: ServerProcess, user: str, *subjects: str, body: str = "Text.\r\n.\r\nEnd.\r\n") -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        for subject in subjects:
            text = f"Subject: {subject}\r\nFrom: a@foreign.example\r\n\r\n{body}"
            smtp.sendmail("a@foreign.example", [user], text.encode())
    fetch_all(server, user, len(subjects))


def deliver_in_order(server: ServerProcess, user: str, *subjects: str) -> None:
    """Several workers deliver, so a mail must be there before the next is sent."""
    for number, subject in enumerate(subjects, 1):
        with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
            text = f"Subject: {subject}\r\nFrom: a@foreign.example\r\n\r\nText.\r\n.\r\nEnd.\r\n"
            smtp.sendmail("a@foreign.example", [user], text.encode())
        fetch_all(server, user, number)


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


@contextlib.contextmanager
def session(server: ServerProcess, user: str) -> Iterator[poplib.POP3]:
    pop3 = poplib.POP3("127.0.0.1", server.pop3, timeout=20)
    try:
        pop3.user(user)
        pop3.pass_("secret")
        yield pop3
    finally:
        pop3.close()


def run(*command: str, home: Path, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**ENVIRONMENT, "HOME": str(home), "FETCHMAILHOME": str(home)}
    return subprocess.run(
        command, env=environment, input=given, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("implicit", [False, True])
def test_poplib(server: ServerProcess, user: str, implicit: bool) -> None:
    deliver_in_order(server, user, "first", "second")
    if implicit:
        pop3: poplib.POP3 = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context(), timeout=20)
    else:
        pop3 = poplib.POP3("127.0.0.1", server.pop3, timeout=20)
        assert "STLS" in pop3.capa()
        pop3.stls(context())
    assert "SASL" in pop3.capa()
    pop3.utf8()
    pop3.user(user)
    pop3.pass_("secret")
    count, size = pop3.stat()
    assert count == 2
    _, lines, octets = pop3.retr(1)
    assert b"Subject: first" in lines
    assert lines[-2:] == [b".", b"End."]
    assert octets == int(pop3.list(1).split()[2])
    assert size == sum(int(line.split()[1]) for line in pop3.list()[1])
    assert len({line.split()[1] for line in pop3.uidl()[1]}) == 2
    assert pop3.top(2, 1)[1][-1] == b"Text."
    pop3.dele(1)
    pop3.rset()
    pop3.dele(2)
    pop3.quit()
    with session(server, user) as again:
        assert again.stat()[0] == 1
        assert b"Subject: first" in again.retr(1)[1]


@needs("curl")
@pytest.mark.parametrize("scheme", ["pop3", "pop3s"])
@pytest.mark.parametrize("options", [(), ("--login-options", "AUTH=PLAIN"), ("--sasl-ir",)])
def test_curl(server: ServerProcess, user: str, scheme: str, options: tuple[str, ...], tmp_path: Path) -> None:
    deliver(server, user, "for curl")
    port = server.pop3 if scheme == "pop3" else server.pop3s
    url = f"{scheme}://127.0.0.1:{port}/1"
    done = run(
        "curl", "--silent", "--show-error", "--insecure", "--ssl-reqd", "--user", f"{user}:secret", *options, url, home=tmp_path
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Subject: for curl" in done.stdout
    assert ".\nEnd." in done.stdout.replace("\r\n", "\n")


@needs("fetchmail")
@pytest.mark.parametrize("tls", ['sslproto ""', "sslproto TLS1.2+ no sslcertck", "ssl no sslcertck"])
def test_fetchmail_takes_each_message_once(server: ServerProcess, user: str, tls: str, tmp_path: Path) -> None:
    deliver(server, user, "one", "two")
    target, configuration = tmp_path / "inbox", tmp_path / "fetchmailrc"
    port = server.pop3s if tls.startswith("ssl ") else server.pop3
    configuration.write_text(
        f'poll 127.0.0.1 protocol POP3 uidl port {port} user "{user}" password "secret" {tls} keep '
        f"mda \"/bin/sh -c 'cat >> {target}'\"\n"
    )
    configuration.chmod(0o600)
    command = ("fetchmail", "--nodetach", "--nosyslog", "--fetchmailrc", str(configuration), "--pidfile", str(tmp_path / "pid"))  # fmt: skip
    done = run(*command, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # 1: there is no new mail
    assert run(*command, home=tmp_path).returncode == 1
    deliver_one_more(server, user)
    assert run(*command, home=tmp_path).returncode == 0
    text = target.read_text()
    assert [text.count(f"Subject: {subject}") for subject in ("one", "two", "three")] == [1, 1, 1]


def deliver_one_more(server: ServerProcess, user: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail("a@foreign.example", [user], b"Subject: three\r\n\r\nText.\r\n")
    fetch_all(server, user, 3)


@needs("mpop")
@pytest.mark.parametrize("auth", ["user", "plain", "scram-sha-256"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mpop_with_pipelining_empties_the_maildrop(
    server: ServerProcess, user: str, auth: str, tls: str, tmp_path: Path
) -> None:
    deliver(server, user, *(str(number) for number in range(20)))
    (tmp_path / "mail").mkdir()
    for folder in ("tmp", "cur", "new"):
        (tmp_path / "mail" / folder).mkdir()
    starttls = tls == "starttls"
    done = run(
        "mpop", "--host=127.0.0.1", f"--port={server.pop3 if starttls else server.pop3s}", "--tls=on",
        f"--tls-starttls={'on' if starttls else 'off'}", "--tls-certcheck=off", f"--auth={auth}", f"--user={user}",
        "--passwordeval=echo secret", f"--delivery=maildir,{tmp_path / 'mail'}", "--keep=off", "--pipelining=on",
        home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 20
    with session(server, user) as pop3:
        assert pop3.stat() == (0, 0)


@needs("getmail")
@pytest.mark.parametrize("tls", [False, True])
def test_getmail_leaves_what_it_has_seen(server: ServerProcess, user: str, tls: bool, tmp_path: Path) -> None:
    deliver(server, user, "one", "two")
    target = tmp_path / "inbox"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "getmailrc").write_text(
        f"[retriever]\ntype = SimplePOP3{'SSL' if tls else ''}Retriever\nserver = 127.0.0.1\n"
        f"port = {server.pop3s if tls else server.pop3}\nusername = {user}\npassword = secret\n"
        "[destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n"
        f"arguments = ('-c', 'cat >> {target}')\n"
        "[options]\nread_all = false\ndelete = false\nverbose = 0\n"
    )
    for _ in range(2):
        done = run("getmail", f"--getmaildir={tmp_path / 'state'}", home=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        text = target.read_text()
        assert [text.count(f"Subject: {subject}") for subject in ("one", "two")] == [1, 1]


MUTTS = {
    "mutt": ("user", "plain"),
    # over TLS it takes SCRAM-SHA-256-PLUS instead of PLAIN, with the channel binding that Python does not have
    "neomutt": ("user",),
}


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
@pytest.mark.parametrize(
    ("program", "auth"),
    [
        pytest.param(program, auth, marks=needs(program, "script"))
        for program, mechanisms in MUTTS.items()
        for auth in mechanisms
    ],
)
def test_mutt_copies_a_mail_to_a_file(
    server: ServerProcess, user: str, program: str, auth: str, tls: str, tmp_path: Path
) -> None:
    deliver(server, user, "for mutt")
    target, configuration = tmp_path / "saved", tmp_path / "muttrc"
    configuration.write_text(f"""
set pop_user = "{user}"
set pop_pass = "secret"
set pop_authenticators = "{auth}"
set pop_delete = no
set folder = "{tmp_path}"
set spoolfile = "{"pops" if tls == "implicit" else "pop"}://127.0.0.1:{server.pop3s if tls == "implicit" else server.pop3}/"
set ssl_starttls = {"yes" if tls == "starttls" else "no"}
set ssl_force_tls = {"no" if tls == "none" else "yes"}
set ssl_verify_host = no
set certificate_file = "{server.data}/tls/certificate.pem"
set confirmappend = no
set quit = yes
set delete = no
set header_cache = ""
push "<copy-message>{target}<enter>y<quit>"
""")
    command = ("script", "--quiet", "--command", f"{program} -n -F {configuration}", "/dev/null")
    done = subprocess.run(
        command,
        env={**ENVIRONMENT, "HOME": str(tmp_path), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert target.exists(), done.stdout[-2000:]
    assert "Subject: for mutt" in target.read_text()
    with session(server, user) as pop3:
        assert pop3.stat()[0] == 1


def test_a_kill_before_quit_loses_nothing(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    server.wait_for_web()
    user = "ann@example.org"
    server.add_user(user)
    deliver(server, user, "first", "second", "third")
    try:
        with session(server, user) as pop3:
            ids = pop3.uidl()[1]
            pop3.dele(1)
            pop3.dele(2)
            server.kill()
        server.start()
        with session(server, user) as pop3:
            assert pop3.uidl()[1] == ids
            pop3.dele(1)
            pop3.dele(2)
            pop3.quit()
            # what was answered is durable
            server.kill()
        server.start()
        with session(server, user) as pop3:
            assert [line.split()[1] for line in pop3.uidl()[1]] == [ids[2].split()[1]]
    finally:
        server.stop()


def test_a_kill_within_quit_takes_no_message_that_was_not_marked(tmp_path: Path) -> None:
    """The server is killed while it removes: what was answered with +OK is gone as a whole, and nothing else ever is."""
    server = ServerProcess(tmp_path)
    server.start()
    server.wait_for_web()
    user = "ann@example.org"
    server.add_user(user)
    with imap_session(server, user) as imap:
        for number in range(40):
            imap.append("INBOX", "", "", f"Subject: {number}\r\n\r\nText.\r\n".encode())
    pause = 0.0
    try:
        while True:
            with session(server, user) as pop3:
                before = [line.split()[1] for line in pop3.uidl()[1]]
                marked, kept = before[:-1:2], {*before[1::2], before[-1]}
                if len(before) < 8:
                    break
                for number in range(len(marked)):
                    pop3.dele(2 * number + 1)
                assert pop3.sock is not None
                pop3.sock.sendall(b"QUIT\r\n")
                pop3.sock.settimeout(pause or None)
                answered = False
                if pause:
                    with contextlib.suppress(TimeoutError):
                        answered = pop3.sock.recv(100).startswith(b"+OK")
                server.kill()
            server.start()
            with session(server, user) as pop3:
                left = {line.split()[1] for line in pop3.uidl()[1]}
            assert kept <= left
            assert left <= set(before)
            assert not answered or left == kept
            pause = pause * 2 or 0.0005
    finally:
        server.stop()
