"""What is made when a data folder is used for the first time: certificate, administration token, a user, a welcome mail."""

import os
import re
import secrets
import shutil
import sys
from collections import abc
from dataclasses import dataclass
from pathlib import Path

from compostela.app.configuration.folder import Configuration
from compostela.app.configuration.locations import TOKEN_FILE
from compostela.app.server.services import Services
from compostela.base.errors import AlreadyExists, CompostelaError
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.core.mail.own import own_mail
from compostela.core.queue.model import SPOOL
from compostela.core.queue.ports import MailQueues
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.users.service import UsersRepository
from compostela.mime.builder import singlepart, standard_headers, text_part
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username

PROGRAM = "compostela"
TLS_FOLDER = "tls"
KEY_FILE = "key.pem"
CERTIFICATE_FILE = "certificate.pem"
FIRST_USER = "user"
_TOKEN = re.compile(rb"[!-~]{16,}")
"""Printable ASCII. Shorter than what an operator would choose, it is the rest of a file that was cut off."""
FIRST_USER_FILE = "first-user"
"""In the data folder: the first user's name and password, where standard output is kept by somebody."""
LOCALHOST = "localhost"
CERTIFICATE_DAYS = 824
"""With the hour before, less than the 825 days beyond which some programs take no certificate."""

WELCOME = """\
Welcome to Compostela.

This mail came to you by the way that every mail takes: into the mail queue, through the processors, into your INBOX.

What next: read docs/operators/README.md, add your domain with "compostela domain add", and your users with
"compostela user add".
"""


class DamagedToken(CompostelaError):
    """The file of WebAdmin's token is damaged; the text is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class FirstUser:
    """The user that was made, with the password in clear: shown once."""

    name: Username
    password: str


def write_private(path: Path, data: bytes) -> None:
    """A file that only its owner can read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)


def make_certificate(folder: Path, host: str) -> None:
    """A self-signed ECDSA certificate for `localhost` and this host, unless there is one."""
    key_path, certificate_path = folder / TLS_FOLDER / KEY_FILE, folder / TLS_FOLDER / CERTIFICATE_FILE
    if key_path.exists() and certificate_path.exists():
        return
    # needed once in the life of a data folder, and slow to import
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64])])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(one) for one in dict.fromkeys((host, "localhost"))]
    names += [x509.IPAddress(ip_address(one)) for one in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(certificate_path, certificate.public_bytes(Encoding.PEM))


def administration_token(folder: Path) -> str:
    """The token in the data folder, made when there is none. Raises `DamagedToken`."""
    path = folder / TOKEN_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    token = path.read_bytes().strip()
    if not _TOKEN.fullmatch(token):
        raise DamagedToken(f"{path} holds no token: remove the file, and the next start makes another")
    return token.decode()


def is_kept() -> bool:
    """Whether the journal keeps what is printed."""
    return "JOURNAL_STREAM" in os.environ


def note_first_user(data: Path, user: Username, password: str) -> Path:
    """Writes name and password to a private file, where what is printed is kept; gives the file."""
    file = data / FIRST_USER_FILE
    write_private(file, f"{user} {password}\n".encode())
    return file


async def make_first_user(users: UsersRepository, domain: Domain) -> FirstUser | None:
    """A user with a generated password, if there is no user at all, users are kept here, and the domain is `localhost`: for a
    real domain `compostela init` makes one."""
    if domain.name != LOCALHOST or users.directory is not None:
        return None
    async for _ in users.names():
        return None
    name = Username.parse(f"{FIRST_USER}@{domain}" if users.virtual_hosting else FIRST_USER)
    password = secrets.token_urlsafe(12)
    try:
        await users.add(name, password)
    except AlreadyExists:
        return None  # another node came first
    return FirstUser(name, password)


async def welcome(queues: MailQueues, domain: Domain, now: float) -> None:
    """Sends the first user a mail. `now` is in epoch seconds."""
    await queues.queue(SPOOL).enqueue(_welcome(MailAddress(FIRST_USER, domain), domain, now))


async def read_by(services: Services, postmaster: MailAddress, first: FirstUser) -> None:
    """The first user reads the postmaster's mail, unless somebody does already."""
    address = services.users.address_of(first.name)
    if address is None or await services.users.user_for(postmaster) is not None:
        return
    if await services.domains.contains(postmaster.domain) and not await services.rewriting.is_mapped(postmaster):
        await services.rewriting.add(MappingSource.of_address(postmaster), Mapping(MappingType.ALIAS, str(address)))


def _welcome(to: MailAddress, domain: Domain, now: float) -> Mail:
    headers = standard_headers(
        f"Compostela <postmaster@{domain}>", f"<{to}>", "Welcome to Compostela", str(domain), now
    )
    header, body = singlepart(headers, text_part(WELCOME))
    return own_mail(f"welcome-{int(now)}", None, [to], MessageContent(header, MemoryBody(body)), now)


def from_here(host: str) -> str:
    """The host for a URL that reaches a listener's address from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def program() -> str:
    """How this program is called from a shell in this folder: by its name if that is found, else by its path."""
    path = Path(sys.argv[0])
    if path.name != PROGRAM or shutil.which(PROGRAM):
        return PROGRAM
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def first_steps(configuration: Configuration, ports: abc.Mapping[str, int], first: FirstUser) -> list[str]:
    """How to send the first mail and read it, with what the first servers listen on. `ports` are those of the servers' names."""
    lines = []
    if configuration.smtp:
        server = configuration.smtp[0].server
        host = from_here(server.bind[0].host)
        options = "" if host == "127.0.0.1" else f" --host {host.strip('[]')}"
        options += f" --port {ports[server.name]}{' --tls' if server.tls.implicit else ''}"
        lines.append(f"  send a mail:  {program()} send --to {first.name}{options}")
    if configuration.imap:
        server = configuration.imap[0].server
        scheme, option = ("imaps", "-k") if server.tls.implicit else ("imap", "-k --ssl-reqd")
        url = f"{scheme}://{from_here(server.bind[0].host)}:{ports[server.name]}/INBOX;MAILINDEX=1"
        lines.append(f"  read it:      curl {option} --user '{first.name}:{first.password}' '{url}'")
    return lines
