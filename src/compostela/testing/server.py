"""A whole server inside the test: on the stores of an edition, a temporary folder and free ports."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app import first_start
from compostela.app.configuration.folder import Configuration, load
from compostela.app.editions.embedded import stores_of
from compostela.app.server import life_cycle
from compostela.app.stores import Stores
from compostela.base.errors import AlreadyExists
from compostela.base.settings import Problems, Severity
from compostela.core.users.passwords import Algorithm, hash_password
from compostela.core.users.scram import scram_secrets
from compostela.model.domain import Domain
from compostela.model.username import Username
from compostela.testing.data_folder import open_store

SMTP = """<smtpservers><smtpserver><jmxName>smtp</jmxName><bind>127.0.0.1:0</bind>
<helloName autodetect="false">mail.example.org</helloName>
<tls startTLS="true"><privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates></tls>
<auth><announce>always</announce><requireSSL>{ssl}</requireSSL></auth><verifyIdentity>{identity}</verifyIdentity>
{elements}<maxmessagesize>{size}</maxmessagesize><handlerchain><handler class="ValidRcptHandler"/>{handlers}</handlerchain>
</smtpserver></smtpservers>"""
IMAP = """<imapservers><imapserver><jmxName>imap</jmxName><bind>127.0.0.1:0</bind>
<helloName autodetect="false">mail.example.org</helloName>
<tls startTLS="true"><privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates></tls>
<auth><requireSSL>{ssl}</requireSSL></auth></imapserver></imapservers>"""
DNS = "<dnsservice><servers><server>{}</server></servers><autodiscover>false</autodiscover></dnsservice>"
LMTP = """<lmtpservers><lmtpserver><jmxName>lmtp</jmxName><bind>127.0.0.1:0</bind>
<helloName autodetect="false">mail.example.org</helloName>
<tls startTLS="true"><privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates></tls>
<maxmessagesize>{size}</maxmessagesize>{lmtp}</lmtpserver></lmtpservers>"""
DOMAINS = "<domainlist><defaultDomain>example.org</defaultDomain></domainlist>"
# a quick hash: tests log in often
USERS = "<usersrepository><enableVirtualHosting>true</enableVirtualHosting><algorithm>SHA-512/salted</algorithm></usersrepository>"

NAMES_ALONE = {"usersrepository.xml": USERS.replace(">true<", ">false<", 1)}
"""`files` of a server whose users have no domain: each has an address in every domain (`enableVirtualHosting`)."""

PASSWORD = "secret"
BOB = Username.parse("bob@example.org")
ANN = Username.parse("ann@example.org")


Opened = tuple[Stores, EmbeddedStore | None]


async def open_embedded(data: Path) -> Opened:
    store = await open_store(data)
    return stores_of(store), store


class Edition:
    """How stores are opened: those of the embedded edition, unless a fixture puts others in their place."""

    open: Callable[[Path], Awaitable[Opened]] = staticmethod(open_embedded)


class Server:
    """The running server with what tests look at. `ports` has the port of each listener by its `jmxName`."""

    def __init__(self, under_test: life_cycle.Server, opened: Opened) -> None:
        self.under_test = under_test
        self.store, self._embedded = opened
        self.ports = {listener.settings.name: listener.ports[0] for listener in under_test.listeners}

    @property
    def embedded(self) -> EmbeddedStore:
        """For tests of the embedded edition alone."""
        assert self._embedded is not None
        return self._embedded


@cache
def _credentials(password: str) -> tuple[str, str]:
    """A hash as `USERS` asks for, and SCRAM secrets: 20 ms of computing, which a process needs once for each password."""
    return hash_password(password, Algorithm.parse("SHA-512/salted")), str(scram_secrets(password))


async def add_user(stores: Stores, user: Username, password: str) -> None:
    """Add a user whose password is stored as `USERS` asks for. Raises `AlreadyExists`."""
    await stores.users.add(user, *_credentials(password))


async def server_of(configuration: Configuration, data: Path, problems: Problems) -> tuple[life_cycle.Server, Opened]:
    """Not started yet. An error in the configuration is an `AssertionError` with its text."""
    opened = await Edition.open(data)
    server = life_cycle.make_server(configuration, opened[0], problems)
    if server is None or problems.of(Severity.ERROR):
        await (server or opened[0]).close()
        raise AssertionError(problems.found)
    return server, opened


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *,
    ssl: bool = False,
    identity: str = "strict",
    size: str = "1M",
    elements: str = "",
    handlers: str = "",
    lmtp: str | None = None,
    container: str | None = None,
    dns: str | None = None,
    files: Mapping[str, str] | None = None,
    smtp: str = SMTP,
    users: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """bob and ann of example.org, password `secret`. With `lmtp`, the elements of its server, there is one. `dns` is the address of
    the only name server; `smtp` the form of smtpserver.xml; `files` replace those of their names, and
    `users` with their passwords bob and ann. A folder may be served again."""
    conf, data = folder / "conf", folder / "data"
    conf.mkdir(exist_ok=True)
    values = {"ssl": str(ssl).lower(), "identity": identity, "size": size, "elements": elements, "handlers": handlers}
    (conf / "smtpserver.xml").write_text(smtp.format(**values))
    (conf / "imapserver.xml").write_text(IMAP.format(**values))
    (conf / "domainlist.xml").write_text(DOMAINS)
    (conf / "usersrepository.xml").write_text(USERS)
    if dns is not None:
        (conf / "dnsservice.xml").write_text(DNS.format(dns))
    if lmtp is not None:
        (conf / "lmtpserver.xml").write_text(LMTP.format(size=size, lmtp=lmtp))
    if container is not None:
        (conf / "mailetcontainer.xml").write_text(container)
    for name, text in (files or {}).items():
        (conf / name).write_text(text)
    problems = Problems()
    configuration = load(conf, data, problems)
    server, opened = await server_of(configuration, data, problems)
    first_start.make_certificate(data, "localhost")
    await opened[0].domains.add(Domain("example.org"))
    for user, password in ({str(BOB): PASSWORD, str(ANN): PASSWORD} if users is None else users).items():
        with contextlib.suppress(AlreadyExists):
            if "usersrepository.xml" in (files or {}):
                await server.services.users.add(Username.parse(user), password)
            else:
                await add_user(opened[0], Username.parse(user), password)
    await server.start()
    try:
        yield Server(server, opened)
    finally:
        await server.stop()
