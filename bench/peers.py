"""The peer of the benchmarks: Debian's Postfix and Dovecot as packaged, with configuration, queue and mail in a folder of
their own, on loopback. Postfix delivers over LMTP to Dovecot. Durability is as packaged: both sync before they answer."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.server_process import free_port

from bench import processes

START_SECONDS = 20.0
NEEDED = "apt install postfix dovecot-imapd dovecot-lmtpd"

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
protocols = imap lmtp
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


def is_installed() -> bool:
    return shutil.which("postfix") is not None and shutil.which("dovecot") is not None


class Peer:
    """Started and stopped once. `password`: as Dovecot's `static` passdb takes it, plain or with a `{SCHEME}`."""

    def __init__(self, folder: Path, password: str = "secret") -> None:
        self.folder = folder
        self.smtp, self.lmtp, self.imap, self.imaps = free_port(), free_port(), free_port(), free_port()
        user = pwd.getpwnam("mail")
        values = {
            "folder": folder, "smtp": self.smtp, "lmtp": self.lmtp, "imap": self.imap, "imaps": self.imaps,
            "uid": user.pw_uid, "gid": user.pw_gid, "password": password,
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
        for port in (self.smtp, self.imap, self.lmtp):
            _wait_for(port, self.folder)

    def pids(self) -> list[int]:
        """All processes of both."""
        masters = (self.folder / "queue/pid/master.pid", self.folder / "run/master.pid")
        return [pid for master in masters for pid in processes.family(int(master.read_text()))]

    def queued(self) -> int:
        """Mails that are accepted and not delivered."""
        folders = ("incoming", "active", "deferred", "maildrop")
        return sum(len(list((self.folder / "queue" / name).glob("**/*"))) for name in folders)

    def stop(self) -> None:
        subprocess.run(["postfix", "-c", str(self.folder / "postfix"), "stop"], check=False, capture_output=True)
        master = self.folder / "run/master.pid"
        if master.exists():
            os.kill(int(master.read_text()), signal.SIGTERM)


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
