"""OpenLDAP's slapd on loopback, with entries of its own."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compostela.testing.ports import free_port
from tests.programs import needs

needs_slapd = needs("slapd", "slapadd", "ldapmodify")
START_SECONDS = 60.0
ROOT, ROOT_PASSWORD = "cn=admin,dc=example,dc=org", "root-secret"
PEOPLE, PARTNERS, OTHERS = (f"ou={one},dc=example,dc=org" for one in ("People", "Partners", "Others"))
STAFF, GUESTS = (f"cn={one},ou=Groups,dc=example,dc=org" for one in ("Staff", "Guests"))
MANY = 1200
"""Entries of `OTHERS`: more than a page and than slapd gives in one answer."""

_CONFIGURATION = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
loglevel none
sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited
{tls}
database mdb
maxsize 67108864
suffix dc=example,dc=org
rootdn {root}
rootpw {password}
directory {folder}/db
index objectClass,uid,mail eq
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""
_GROUP = "dn: {dn}\nobjectClass: groupOfNames\ncn: group\n{members}\n"


@dataclass
class DirectoryServer:
    """Users bob, ann (staff, with a description) and eve (a guest) of example.org, and carl, a partner of example.net. The password of
    each is `secret`."""

    folder: Path
    port: int
    tls_port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def attributes(self, **more: str) -> str:
        """The attributes of `<usersrepository>`; `more` replaces or adds to the defaults."""
        given = {
            "class": "org.apache.james.user.ldap.ReadOnlyUsersLDAPRepository",
            "ldapHost": self.url,
            "principal": ROOT,
            "credentials": ROOT_PASSWORD,
            "userBase": PEOPLE,
            "userIdAttribute": "mail",
            "userObjectClass": "inetOrgPerson",
            **more,
        }
        return " ".join(f'{name}="{value}"' for name, value in given.items() if value)

    def start(self) -> None:
        urls = f"{self.url} {self.tls_url}" if (self.folder / "key.pem").exists() else self.url
        command = ["slapd", "-d", "0", "-f", str(self.folder / "slapd.conf"), "-h", urls]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"slapd does not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        question = ["ldapsearch", "-x", "-H", self.url, "-s", "base", "-b", "dc=example,dc=org", "-l", "5", "1.1"]
        return subprocess.run(question, capture_output=True, timeout=START_SECONDS, check=False).returncode == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)
            self.process = None

    def change(self, ldif: str) -> None:
        """Adds entries, or does what their `changetype` says."""
        command = ["ldapmodify", "-a", "-x", "-H", self.url, "-D", ROOT, "-w", ROOT_PASSWORD]
        subprocess.run(command, input=ldif.encode(), capture_output=True, timeout=START_SECONDS, check=True)


def entry(uid: str, base: str, domain: str, more: str = "") -> str:
    return (
        f"dn: uid={uid},{base}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"
        f"mail: {uid}@{domain}\nuserPassword: secret\n{more}\n"
    )


def _entries() -> str:
    units = ["People", "Partners", "Others", "Groups"]
    return "\n".join([
        "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n",
        *(f"dn: ou={one},dc=example,dc=org\nobjectClass: organizationalUnit\nou: {one}\n" for one in units),
        entry("bob", PEOPLE, "example.org"),
        entry("ann", PEOPLE, "example.org", "description: blocked\n"),
        entry("eve", PEOPLE, "example.org"),
        entry("carl", PARTNERS, "example.net"),
        *(entry(f"user{number}", OTHERS, "example.org") for number in range(MANY)),
        _GROUP.format(dn=STAFF, members="\n".join(f"member: uid={one},{PEOPLE}" for one in ("bob", "ann"))),
        _GROUP.format(dn=GUESTS, members=f"member: uid=eve,{PEOPLE}"),
    ])  # fmt: skip


@contextmanager
def running_directory(folder: Path, *, tls: tuple[bytes, bytes] | None = None) -> Iterator[DirectoryServer]:
    """With `tls`, a key and a certificate in PEM, it has a port with TLS too."""
    server = DirectoryServer(folder, free_port(), free_port())
    lines = ""
    if tls is not None:
        for name, octets in zip(("key.pem", "certificate.pem"), tls, strict=True):
            (folder / name).write_bytes(octets)
        lines = f"TLSCertificateKeyFile {folder}/key.pem\nTLSCertificateFile {folder}/certificate.pem"
    (folder / "db").mkdir()
    text = _CONFIGURATION.format(folder=folder, root=ROOT, password=ROOT_PASSWORD, tls=lines)
    (folder / "slapd.conf").write_text(text)
    (folder / "entries.ldif").write_text(_entries())
    load = ["slapadd", "-q", "-f", str(folder / "slapd.conf"), "-l", str(folder / "entries.ldif")]
    loaded = subprocess.run(load, capture_output=True, timeout=START_SECONDS, env={**os.environ}, check=False)
    assert loaded.returncode == 0, loaded.stderr.decode()
    server.start()
    try:
        yield server
    finally:
        server.stop()
