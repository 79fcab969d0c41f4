"""The peer of the benchmarks: Debian's Postfix and Dovecot as packaged, with configuration, queue and mail in a folder of
their own, on loopback. Postfix delivers over LMTP to Dovecot. Durability is as packaged: both sync before they answer."""

import base64
import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import processes
from bench.messages import Source
from bench.sides import FILL_SIZE, PASSWORD
from compostela.testing.ports import free_port

START_SECONDS = 20.0
FILL_DATE = 1_795_435_200
NEEDED = "apt install postfix dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d"

_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = peer.example
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
disable_dns_lookups = yes
alias_maps =
alias_database =
local_recipient_maps =
"""

_MASTER = """127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{smtp_only} inet n - n - - smtpd -o smtpd_recipient_restrictions=check_client_access,static:HOLD,permit_mynetworks,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

_DOVECOT = """base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
service imap-login {{
  chroot =
  process_limit = 2000
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 2000
}}
service pop3-login {{
  chroot =
  process_limit = 2000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service pop3 {{
  process_limit = 2000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
protocol lmtp {{
  postmaster_address = postmaster@example.org
}}
mail_max_userip_connections = 2000
"""


def is_missing() -> str | None:
    """What to do before the peer can be started; None when it can."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    if not all(shutil.which(name, path=path) for name in ("postfix", "dovecot")):
        return NEEDED
    if not all(Path("/usr/lib/dovecot", name).exists() for name in ("imap", "lmtp", "pop3")):
        return NEEDED
    return None if os.geteuid() == 0 else "run as root: Postfix and Dovecot start as nobody else"


class Peer:
    """Started and stopped once. Passwords are one round of salted SHA-512, as ours are in the benchmark. What comes in
    through `smtp_only` is held: nothing is done with it after 250."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.smtp, self.smtp_only, self.lmtp = free_port(), free_port(), free_port()
        self.imap, self.imaps, self.pop3 = free_port(), free_port(), free_port()
        user = pwd.getpwnam("mail")
        values = {
            "folder": folder, "smtp": self.smtp, "smtp_only": self.smtp_only, "lmtp": self.lmtp, "imap": self.imap,
            "imaps": self.imaps, "pop3": self.pop3, "uid": user.pw_uid, "gid": user.pw_gid, "password": _hashed(PASSWORD),
        }  # fmt: skip
        folder.chmod(0o755)
        postfix = folder / "postfix"
        for name in ("postfix", "queue", "postfix-data", "run", "state", "mail"):
            (folder / name).mkdir()
        os.chown(folder / "mail", user.pw_uid, user.pw_gid)
        shutil.chown(folder / "postfix-data", "postfix")
        (postfix / "main.cf").write_text(_MAIN.format(**values))
        (postfix / "master.cf").write_text(_MASTER.format(**values))
        (folder / "dovecot.conf").write_text(_DOVECOT.format(**values))
        _run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"), "-days", "30",
             "-subj", "/CN=localhost")  # fmt: skip

    def start(self) -> None:
        _run("dovecot", "-c", str(self.folder / "dovecot.conf"))
        _run("postfix", "-c", str(self.folder / "postfix"), "start")
        for port in (self.smtp, self.imap, self.lmtp, self.pop3):
            _wait_for(port, self.folder)

    def pids(self) -> list[int]:
        """All processes of both."""
        return [pid for master in self._masters() for pid in processes.family(int(master.read_text()))]

    def fill(self, user: str, messages: int, size: int = FILL_SIZE) -> None:
        """Straight into the maildir; Dovecot indexes it when it is first selected."""
        owner = pwd.getpwnam("mail")
        inbox, source = self.folder / "mail" / user, Source(size, user)
        for name in ("cur", "new", "tmp"):
            (inbox / name).mkdir(parents=True, exist_ok=True)
        for number in range(messages):
            octets = source.next(multipart=number % 3 == 0).replace(b"\r\n", b"\n")
            flags = "S" if number % 2 else ""
            (inbox / "cur" / f"{FILL_DATE + number}.M{number}.peer,S={len(octets)}:2,{flags}").write_bytes(octets)
        _run("chown", "-R", f"{owner.pw_uid}:{owner.pw_gid}", str(inbox))

    def stop(self) -> None:
        """Ends both and waits for it."""
        postfix, dovecot = self._masters()
        subprocess.run(["postfix", "-c", str(self.folder / "postfix"), "stop"], check=False, capture_output=True)
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(dovecot.read_text()), signal.SIGTERM)
        end = time.monotonic() + START_SECONDS
        while (dovecot.exists() or _is_running(postfix)) and time.monotonic() < end:
            time.sleep(0.05)

    def _masters(self) -> tuple[Path, Path]:
        return self.folder / "queue/pid/master.pid", self.folder / "run/master.pid"


@contextlib.contextmanager
def running_peer(folder: Path) -> Iterator[Peer]:
    """`folder` is made. The users of Postfix and Dovecot must be able to reach it."""
    folder.mkdir()
    peer = Peer(folder)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


def _is_running(master: Path) -> bool:
    try:
        return Path(f"/proc/{int(master.read_text())}").exists()
    except (OSError, ValueError):
        return False


def _hashed(password: str) -> str:
    salt = os.urandom(16)
    return "{SSHA512}" + base64.b64encode(hashlib.sha512(password.encode() + salt).digest() + salt).decode()


def _run(*command: str) -> None:
    # into a file, not a pipe: what goes on as a daemon keeps it open
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(command, check=False, stdout=output, stderr=output)
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[0]} failed: {output.read().decode(errors='replace')}")


def _wait_for(port: int, folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    logs = "".join(log.read_text() for log in folder.glob("*.log"))
    raise RuntimeError(f"the peer did not start: {logs[-2000:]}")
