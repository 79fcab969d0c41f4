"""A Kerberos realm on loopback: MIT's KDC with a database and a configuration of its own, and tickets of its users."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from compostela.testing.ports import free_port
from tests.programs import needs

REALM = "EXAMPLE.ORG"
PASSWORD = "secret"
SERVICES = ("smtp/localhost", "imap/localhost")
FOREIGN = "host/localhost"
"""A service of the realm whose key the mail server has not got."""
USERS = ("bob", "ann", "Bob", "bob/admin", "nobody")

_CLIENTS = """[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {realm}
"""
_KDC = """[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""

needs_kerberos = needs("krb5kdc", "kdb5_util", "kadmin.local", "kinit", package="gssapi")


@dataclass(frozen=True)
class KerberosRealm:
    """Its files, and the environment in which programs find it."""

    folder: Path
    environment: dict[str, str]

    @property
    def key_tab(self) -> Path:
        return self.folder / "keytab"

    def element(self, service: str) -> str:
        """`gssapi` of an `auth` block."""
        return (
            f"<gssapi><serviceName>{service}</serviceName><serverName>localhost</serverName>"
            f"<principal>{service}/localhost@{REALM}</principal><keyTab>{self.key_tab}</keyTab></gssapi>"
        )

    def tickets(self, user: str) -> Path:
        """A cache with the user's ticket-granting ticket."""
        cache = self.folder / f"tickets-{user.replace('/', '-')}"
        if not cache.exists():
            command = ["kinit", "-c", str(cache), user]
            subprocess.run(command, input=PASSWORD, text=True, env=self.environment, check=True, capture_output=True)
        return cache

    def administer(self, *commands: str) -> None:
        text = "".join(f"{command}\n" for command in commands)
        subprocess.run(
            ["kadmin.local"], input=text, text=True, env=self.environment, check=True, capture_output=True, timeout=20
        )


class Initiator:
    """A user's side of an exchange with a service, with the library that the clients of the world have."""

    def __init__(self, realm: KerberosRealm, user: str, service: str) -> None:
        import gssapi

        self._context = gssapi.SecurityContext(
            name=gssapi.Name(f"{service}@{REALM}", gssapi.NameType.kerberos_principal),
            creds=gssapi.Credentials(usage="initiate", store={"ccache": str(realm.tickets(user))}),
            usage="initiate",
            mech=gssapi.MechType.kerberos,
            flags=gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.integrity,
        )

    def token(self, answer: bytes | None = None) -> bytes:
        """The next for the acceptor, after its answer; empty when there is none."""
        return bytes(self._context.step(answer) or b"")

    def wrap(self, octets: bytes) -> bytes:
        return bytes(self._context.wrap(octets, False).message)

    def unwrap(self, message: bytes) -> bytes:
        return bytes(self._context.unwrap(message).message)


@contextmanager
def running_realm(folder: Path) -> Iterator[KerberosRealm]:
    """While it runs, this process too belongs to the realm."""
    port = free_port()
    for name, text in (("krb5.conf", _CLIENTS), ("kdc.conf", _KDC)):
        (folder / name).write_text(text.format(realm=REALM, port=port, folder=folder))
    own = {
        "KRB5_CONFIG": str(folder / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        "KRB5RCACHENAME": f"file2:{folder}/replays",
    }
    realm = KerberosRealm(folder, {**os.environ, **own})
    create = ["kdb5_util", "create", "-s", "-P", "master", "-r", REALM]
    subprocess.run(create, env=realm.environment, check=True, capture_output=True, timeout=20)
    realm.administer(
        *(f"addprinc -pw {PASSWORD} {user}" for user in USERS),
        *(f"addprinc -randkey {service}" for service in (*SERVICES, FOREIGN)),
        f"ktadd -k {realm.key_tab} {' '.join(SERVICES)}",
    )
    command = [shutil.which("krb5kdc") or "krb5kdc", "-n"]
    process = subprocess.Popen(
        command, env=realm.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(name, value)
        try:
            assert process.stdout is not None
            while "starting" not in (line := process.stdout.readline()):
                assert line, "the KDC ended at its start"
            yield realm
        finally:
            process.terminate()
            process.wait(timeout=10)
            process.stdout.close()
