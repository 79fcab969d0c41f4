"""Real clients that read and synchronise."""

import imaplib
import mailbox
import smtplib
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all, session
from tests.programs import needs
from tests.server_process import ServerProcess

CORPUS = sorted((Path(__file__).parents[1] / "data" / "corpus").glob("*.msg"))
MESSAGES = 500


def deliver(server: ServerProcess, user: str, subject: str = "hello") -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail("a@foreign.example", [user], f"Subject: {subject}\r\nFrom: a@foreign.example\r\n\r\nText.\r\n")
    fetch_all(server, user)


@needs("mbsync")
def test_mbsync_keeps_500_messages_in_step_both_ways(server: ServerProcess, user: str, tmp_path: Path) -> None:
    with session(server, user) as imap:
        for number in range(MESSAGES):
            imap.append(
                "INBOX", "", "", f"Message-ID: <{number}@x>\r\nSubject: {number}\r\n\r\nText {number}\r\n".encode()
            )
    local = tmp_path / "mail"
    configuration = tmp_path / "mbsyncrc"
    configuration.write_text(f"""
IMAPAccount there
Host 127.0.0.1
Port {server.imap}
User {user}
Pass secret
SSLType None

IMAPStore far
Account there

MaildirStore near
Path {local}/
Inbox {local}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX
Create Both
Expunge Both
SyncState *
""")

    def synchronise() -> None:
        done = subprocess.run(["mbsync", "-c", str(configuration), "all"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    local.mkdir()
    synchronise()
    maildir = mailbox.Maildir(local / "INBOX")
    assert len(maildir) == MESSAGES
    keys = sorted(maildir.keys())
    for key in keys[:10]:
        maildir.remove(key)
    for key in keys[10:20]:
        message = maildir[key]
        message.set_subdir("cur")
        message.add_flag("FS")
        maildir[key] = message
    maildir.add(b"Message-ID: <new@x>\nSubject: written here\n\nText\n")
    with session(server, user) as imap:
        imap.select()
        imap.store("500", "+FLAGS", "\\Answered")
    synchronise()
    with session(server, user) as imap:
        assert imap.select()[1] == [str(MESSAGES - 10 + 1).encode()]
        assert len(imap.search(None, "FLAGGED")[1][0].split()) == 10
        assert imap.search(None, "SUBJECT", '"written here"')[1][0]
    flags = [message.get_flags() for message in mailbox.Maildir(local / "INBOX")]
    assert sum("R" in one for one in flags) == 1


@needs("fetchmail")
def test_fetchmail(server: ServerProcess, user: str, tmp_path: Path) -> None:
    deliver(server, user, "for fetchmail")
    target = tmp_path / "inbox"
    configuration = tmp_path / "fetchmailrc"
    configuration.write_text(
        f'poll 127.0.0.1 protocol IMAP port {server.imap} user "{user}" password "secret" sslproto "" '
        f"mda \"/bin/sh -c 'cat >> {target}'\"\n"
    )
    configuration.chmod(0o600)
    done = subprocess.run(
        [
            "fetchmail",
            "--nodetach",
            "--nosyslog",
            "--fetchmailrc",
            str(configuration),
            "--pidfile",
            str(tmp_path / "pid"),
        ],
        env={"HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path), "PATH": "/usr/bin:/bin", "USER": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Subject: for fetchmail" in target.read_text()


@needs("curl")
@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_curl_reads(server: ServerProcess, user: str, scheme: str) -> None:
    deliver(server, user, "for curl")
    port = server.imap if scheme == "imap" else server.imaps
    done = subprocess.run(
        [
            "curl", "--silent", "--show-error", "--insecure", "--ssl-reqd", "--user", f"{user}:secret",
            f"{scheme}://127.0.0.1:{port}/INBOX;MAILINDEX=1",
        ],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert "Subject: for curl" in done.stdout


@needs("neomutt")
def test_neomutt_copies_a_mail_to_a_file(server: ServerProcess, user: str, tmp_path: Path) -> None:
    deliver(server, user, "for mutt")
    target = tmp_path / "saved"
    configuration = tmp_path / "muttrc"
    configuration.write_text(f"""
set imap_user = "{user}"
set imap_pass = "secret"
set folder = "imap://127.0.0.1:{server.imap}/"
set spoolfile = "imap://127.0.0.1:{server.imap}/INBOX"
set ssl_starttls = no
set ssl_force_tls = no
set confirmappend = no
set quit = yes
set delete = no
set header_cache = ""
push "<copy-message>{target}<enter>y<quit>"
""")
    done = subprocess.run(
        ["script", "--quiet", "--command", f"neomutt -n -F {configuration}", "/dev/null"],
        env={"HOME": str(tmp_path), "TERM": "xterm", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert target.exists(), done.stdout[-2000:]
    assert "Subject: for mutt" in target.read_text()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_difficult_mails_are_kept_byte_for_byte(server: ServerProcess, user: str, path: Path) -> None:
    octets = path.read_bytes()
    with session(server, user) as imap:
        imap._mesg = None
        tag = imap._new_tag().decode()
        imap.send(f"{tag} APPEND INBOX {{{len(octets)}+}}\r\n".encode() + octets + b"\r\n")
        assert imap._command_complete("APPEND", tag.encode())[0] == "OK"
        imap.select()
        _, data = imap.fetch("1", "(BODY.PEEK[] ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
        assert any(isinstance(part, tuple) and part[1] == octets for part in data)


def test_imaplib_over_tls(server: ServerProcess, user: str) -> None:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context) as imap:
        imap.login(user, "secret")
        assert imap.select()[0] == "OK"
        mailboxes = b" ".join(line for line in imap.list()[1] if isinstance(line, bytes))
        for name in (b"INBOX", b"Sent", b"Drafts", b"Trash", b"Archive", b"Spam"):
            assert name in mailboxes
