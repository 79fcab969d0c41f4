"""Programs that read, by STARTTLS on the port of IMAP, with no mechanism set: what each of them chooses must work."""

import json
import subprocess
import threading
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.clients.reading import SECONDS, run
from tests.clients.sample import HOST, PASSWORD, SampleServer
from tests.node_packages import install, needs_node

IMAPFLOW = Path(__file__).parents[2] / "dev" / "imapflow"
needs_imapflow = needs_node("ImapFlow")


@pytest.mark.runs("mbsync")
def test_mbsync(sample: SampleServer, user: str, tmp_path: Path) -> None:
    sample.deliver(user, "for mbsync")
    (tmp_path / "mail").mkdir()
    configuration = tmp_path / "mbsyncrc"
    configuration.write_text(f"""
IMAPAccount there
Host {HOST}
Port {sample.imap}
User {user}
Pass "{PASSWORD}"
SSLType STARTTLS
CertificateFile {sample.certificate}

IMAPStore far
Account there

MaildirStore near
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    said = run(["mbsync", "-Dn", "-c", configuration, "all"], tmp_path)
    assert "AUTHENTICATE SCRAM-SHA-256" in said
    (message,) = (tmp_path / "mail" / "INBOX" / "new").iterdir()
    assert b"\nSubject: for mbsync\n" in message.read_bytes()


@pytest.mark.runs("fetchmail")
@pytest.mark.parametrize("protocol", ["IMAP", "POP3"])
def test_fetchmail(sample: SampleServer, user: str, tmp_path: Path, protocol: str) -> None:
    sample.deliver(user, "for fetchmail")
    target = tmp_path / "inbox"
    configuration = tmp_path / "fetchmailrc"
    port = sample.imap if protocol == "IMAP" else sample.pop3
    configuration.write_text(
        f'poll {HOST} protocol {protocol} port {port} user "{user}" password "{PASSWORD}" '
        f'sslcertck sslcertfile "{sample.certificate}" mda "/bin/sh -c \'cat >> {target}\'"\n'
    )
    configuration.chmod(0o600)
    command = [
        "fetchmail",
        "-v",
        "--nodetach",
        "--nosyslog",
        "--fetchmailrc",
        configuration,
        "--pidfile",
        tmp_path / "pid",
    ]
    said = run(command, tmp_path)
    assert "TLSv1.3" in said
    assert "Subject: for fetchmail" in target.read_text()


@pytest.mark.runs("curl")
@pytest.mark.parametrize("scheme", ["imap", "imaps", "pop3", "pop3s"])
def test_curl(sample: SampleServer, user: str, tmp_path: Path, scheme: str) -> None:
    sample.deliver(user, "for curl")
    port = {"imap": sample.imap, "imaps": sample.imaps, "pop3": sample.pop3, "pop3s": sample.pop3s}[scheme]
    path = "INBOX;MAILINDEX=1" if scheme.startswith("imap") else "1"
    login = ["--ssl-reqd", "--cacert", sample.certificate, "--user", f"{user}:{PASSWORD}"]
    said = run(["curl", "--silent", "--verbose", *login, f"{scheme}://{HOST}:{port}/{path}"], tmp_path)
    assert "Subject: for curl" in said
    assert "SCRAM-SHA-256" in said or "PLAIN" in said


@pytest.mark.runs("mutt", "neomutt", "script")
@pytest.mark.parametrize(("program", "chosen"), [("mutt", "SCRAM-SHA-256"), ("neomutt", "AUTHENTICATE PLAIN")])
def test_mutt(sample: SampleServer, user: str, tmp_path: Path, program: str, chosen: str) -> None:
    sample.deliver(user, "for mutt")
    target = tmp_path / "saved"
    configuration = tmp_path / "muttrc"
    configuration.write_text(f"""
set imap_user = "{user}"
set imap_pass = "{PASSWORD}"
set folder = "imap://{HOST}:{sample.imap}/"
set spoolfile = "imap://{HOST}:{sample.imap}/INBOX"
set ssl_starttls = yes
set ssl_force_tls = yes
set certificate_file = "{sample.certificate}"
set confirmappend = no
set quit = yes
set delete = no
push "<copy-message>{target}<enter>y<quit>"
""")
    command = f"{program} -n -F {configuration} -d 3"
    said = run(["script", "--quiet", "--command", command, "/dev/null"], tmp_path)
    assert target.exists(), said[-2000:]
    assert "Subject: for mutt" in target.read_text()
    trace = tmp_path / f".{program}debug0"
    assert chosen in trace.read_text(errors="replace")


@needs_imapflow
def test_imapflow(sample: SampleServer, user: str) -> None:
    install(IMAPFLOW, "imapflow")
    command = ["node", "client.mjs", HOST, str(sample.imap), str(sample.certificate), user, PASSWORD]
    with subprocess.Popen(command, cwd=IMAPFLOW, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        guard = threading.Timer(SECONDS, client.kill)
        guard.start()
        try:
            assert client.stdout is not None
            assert client.stderr is not None
            assert client.stdout.readline() == "idle\n", client.stderr.read()
            sample.deliver(user, "for ImapFlow")
            answer, errors = client.communicate()
        finally:
            guard.cancel()
    assert client.returncode == 0, errors
    told = json.loads(answer)
    assert (told["count"], told["subject"], told["sent"]) == (1, "for ImapFlow", 1)
    assert told["source"].endswith("\r\n\r\nText.\r\n")
    assert told["login"] == ["AUTHENTICATE PLAIN"]


def test_imapclient(sample: SampleServer, user: str) -> None:
    with IMAPClient(HOST, port=sample.imap, ssl=False, timeout=SECONDS) as client:
        client.starttls(sample.trusting)
        client.login(user, PASSWORD)
        client.select_folder("INBOX")
        client.idle()
        sample.deliver(user, "for IMAPClient")
        told = client.idle_check(timeout=SECONDS)
        client.idle_done()
        assert (1, b"EXISTS") in told
        (number,) = client.search(["SUBJECT", "for IMAPClient"])
        found = client.fetch([number], ["ENVELOPE", "BODY.PEEK[]", "MODSEQ"])[number]
        assert found[b"ENVELOPE"].subject == b"for IMAPClient"
        assert found[b"BODY[]"].endswith(b"\r\n\r\nText.\r\n")
        client.add_flags([number], [b"\\Flagged", b"$Label1"])
        client.move([number], "Archive")
        assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 0}
        client.select_folder("Archive", readonly=True)
        assert client.search(["KEYWORD", "$Label1"]) == [1]
