"""The pages of the reference manual. Each is a function without arguments that gives the text."""

import asyncio
import inspect
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from compostela.adapters.cassandra.queue_settings import QueueSettings
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.adapters.redis.settings import RedisSettings
from compostela.adapters.s3.settings import BlobSettings
from compostela.app.cli import main
from compostela.app.configuration import folder
from compostela.app.configuration.batch_sizes import BatchSizes
from compostela.app.configuration.engine_files import RabbitFile
from compostela.app.server.life_cycle import Server
from compostela.app.stores import unopened_stores
from compostela.app.supervisor.settings import WorkersSettings
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.authentication.throttle import ThrottleSettings
from compostela.core.autoconfiguration.settings import AutoconfigurationSettings
from compostela.core.dns.settings import DnsSettings
from compostela.core.domains.settings import DomainListSettings
from compostela.core.drop_lists.settings import DropListSettings
from compostela.core.events.settings import ListenersSettings
from compostela.core.filtering.settings import CrowdsecSettings, RspamdSettings
from compostela.core.health.settings import HealthSettings
from compostela.core.repository.settings import RepositorySettings
from compostela.core.rewriting.settings import RewritingSettings
from compostela.core.tasks.settings import ExtensionsSettings, TaskRunSettings
from compostela.core.users.settings import UsersSettings
from compostela.doctor.settings import DoctorSettings
from compostela.net.imap import settings as imap
from compostela.net.lmtp import settings as lmtp
from compostela.net.managesieve import settings as managesieve
from compostela.net.pop3 import settings as pop3
from compostela.net.smtp import settings as smtp
from compostela.processing.container import SpoolerSettings
from compostela.processing.mailets import MAILETS, MAILETS_WITHOUT_EFFECT
from compostela.processing.matchers import MATCHERS
from compostela.processing.matchers.composites import COMPOSITES
from compostela.processing.sieve_settings import SieveSettings
from compostela.smtp_hooks import HOOKS, chain
from compostela.web.webadmin.settings import WebAdminSettings
from tools.reference.declarations import PARTS, Parts, declared_by
from tools.reference.recording import Element, Recorder, record

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
WIDTH = 100
NOTE = "<!-- Made from the code by `make reference`: change the docstrings there, not this page. -->"
_WORDS = {
    "*server/enabled": "Start this server.",
    "*server/connectiontimeout": "Silence after which the server closes; also written `connectionTimeout`.",
    "imapserver/timeout": "As `connectiontimeout`.",
    "*server/proxyRequired": "Every connection begins with a PROXY header, version 1 or 2.",
    "*server/proxyNetworks": "Peers whose PROXY header is believed; all of them without it.",
    "*server/proxyFirst": "The header precedes the TLS handshake of a `socketTLS` port, or follows it.",
    "*server/highWriteBufferWaterMark": "Answers that a peer has not taken yet, above which it must wait; 0 for the library's choice.",
    "*server/lowWriteBufferWaterMark": "Below so much of them work goes on. Given alone, one sets both.",
    "*server/authorizedAddresses": "Addresses, networks and host names that may relay without a login.",
    "*server/tls/enableOCSPCRLChecks": "Certificates of clients are looked up in the lists of `clientAuth/crl`, which must be there.",
    "imapserver/compress": "COMPRESS.",
    "*server/auth/saslMechanisms": "Mechanisms, by their names or by James's factories, in the order in which they are shown; see the operators' page on authentication.",
    "*server/auth/requireSSL": "Passwords and tokens are taken under TLS only.",
    "*server/auth/plainAuthEnabled": "PLAIN, LOGIN and IMAP's LOGIN are there.",
    "*server/auth/gssapi/principal": "Who the server is in Kerberos: `service/host@REALM`.",
    "*server/auth/gssapi/keyTab": "Its key table; without it, the system's.",
    "*server/auth/gssapi/serviceName": "The service of `principal`, with which it must agree.",
    "*server/auth/gssapi/serverName": "The host of `principal`, with which it must agree.",
    "*server/auth/oidc/oidcConfigurationURL": "Where the identity provider tells of itself; tokens must be of the issuer that it names.",
    "*server/auth/oidc/jwksURL": "Where its keys are; without it, as its configuration says.",
    "*server/auth/oidc/claim": "Which claim of a token names the user.",
    "*server/auth/oidc/scope": "What clients are told to ask the provider for.",
    "*server/auth/oidc/aud": "For whom a token must be made out, several with commas; `any` for anybody.",
    "*server/auth/oidc/introspection/url": "Where the provider is asked whether a token is still good.",
    "*server/auth/oidc/introspection/auth": "The Authorization header for that.",
    "*server/auth/oidc/userinfo/url": "Where the provider is asked whose token it is, without introspection.",
    "imapserver/plainAuthDisallowed": "Older spelling of `auth/requireSSL`.",
    "imapserver/auth/adminUsers/adminUser": "Users who may act for anybody on this server.",
    "imapserver/additionalConnectionChecks": "`CrowdsecImapConnectionCheck`: whom CrowdSec bans is turned away.",
    "imapserver/idleTimeIntervalUnit": "`SECONDS` or `MINUTES`.",
    "imapserver/enableIdle": "Give signs of life during IDLE.",
    "imapserver/idCommandResponse/field/name": "What ID answers: the name of a field.",
    "imapserver/idCommandResponse/field/value": "Its value.",
    "*server/helloName/autodetect": "Take the machine's name; otherwise the text of `helloName` is the name.",
    "smtpserver/disabledFeatures/[*]": "EHLO keywords that are not shown, one an element, or with commas in `disabledFeatures` itself.",
    "lmtpserver/disabledFeatures/[*]": "EHLO keywords that are not shown, one an element, or with commas in `disabledFeatures` itself.",
    "smtpserver/handlerchain/coreHandlersPackage": "`NoAuthCmdHandlerLoader` takes AUTH away.",
    "lmtpserver/handlerchain/coreHandlersPackage": "`CoreCmdHandlerLoader` delivers to the INBOX, `MailetContainerCmdHandlerLoader` through the mail container.",
    "lmtpserver/handlerchain/handler/class": "A loader as in `coreHandlersPackage`, or an SMTP hook, see [processing](processing.md).",
    "lmtpserver/handlerchain/handler/splitExecution": "Of `MailetContainerHandler`: run the container for each recipient, so that each has its own answer.",
    "pop3server/handlerchain/coreHandlersPackage": "`CoreCmdHandlerLoader`, which changes nothing: the commands are always there.",
    "pop3server/handlerchain/handler/class": "`CrowdsecPOP3CheckHandler`: whom CrowdSec bans is turned away. `CoreCmdHandlerLoader` changes nothing.",
    "managesieveserver/handlerchain/coreHandlersPackage": "No name is known: the commands are always there.",
    "managesieveserver/handlerchain/handler/class": "`CrowdsecManageSieveCheckHandler`: an address that CrowdSec bans is turned away.",
    "smtpserver/handlerchain/handler/class": "An SMTP hook, see [processing](processing.md).",
}
"""What no field of a settings class says: patterns of paths."""


def _root_reader(module: object, read: Callable[[Node, Problems], object]) -> Callable[[Recorder], object]:
    """For a reader that makes its own `Settings` of the root."""

    def run(recorder: Recorder) -> object:
        with patch.object(module, "Settings", lambda node, _: recorder.settings(node.name)):
            return read(Node("", Place("")), Problems())

    return run


READERS: dict[str, Callable[[Recorder], object] | Parts] = {
    "smtpserver.xml": _root_reader(smtp, smtp.read_smtp_settings),
    "lmtpserver.xml": _root_reader(lmtp, lmtp.read_lmtp_settings),
    "imapserver.xml": _root_reader(imap, imap.read_imap_settings),
    "pop3server.xml": _root_reader(pop3, pop3.read_pop3_settings),
    "managesieveserver.xml": _root_reader(managesieve, managesieve.read_managesieve_settings),
    "mailetcontainer.xml": {"": SpoolerSettings},
    "authentication.properties": {"": ThrottleSettings},
    "domainlist.xml": {"": DomainListSettings},
    "usersrepository.xml": {"": UsersSettings},
    "recipientrewritetable.xml": {"": RewritingSettings},
    "mailrepositorystore.xml": {"": RepositorySettings},
    "dnsservice.xml": {"": DnsSettings},
    "droplists.properties": {"": DropListSettings},
    "rspamd.properties": {"": RspamdSettings},
    "crowdsec.properties": {"": CrowdsecSettings},
    "webadmin.properties": {"": WebAdminSettings},
    "rabbitmq.properties": {"": RabbitFile},
    "sieve.properties": {"": SieveSettings},
    "workers.properties": {"": WorkersSettings},
    "tasks.properties": {"": TaskRunSettings},
    "healthcheck.properties": {"": HealthSettings},
    "autoconfiguration.properties": {"": AutoconfigurationSettings},
    "doctor.properties": {"": DoctorSettings},
    "batchsizes.properties": {"": BatchSizes},
    "extensions.properties": {"": ExtensionsSettings},
    "cassandra.properties and cassandra-driver.conf": {"": CassandraSettings},
    "blob.properties (or blobstore.properties)": {"": BlobSettings},
    "redis.properties": {"": RedisSettings},
    "queue.properties": {"": QueueSettings},
    "listeners.xml": {"": ListenersSettings},
}


def configuration() -> str:
    lines = [
        "# Configuration files",
        "",
        "Every file may be missing; the defaults are those of a file that is there and does not name the element. A slash stands",
        "between an element and the one inside it; what is inside may be written as an attribute as well.",
    ]
    for name, read in READERS.items():
        recorder = _elements_of(name, read)
        lines += ["", f"## {name}", ""]
        if not recorder.is_in_effect:
            lines += ["Read for its form only: nothing of it is in effect yet.", ""]
        lines += _elements(recorder, _WORDS)
    lines += ["", "## Known by name, not yet in effect", "", *_wrapped(folder._NOT_YET)]
    return _page(lines)


def _elements_of(name: str, read: Callable[[Recorder], object] | Parts) -> Recorder:
    if isinstance(read, dict):
        return declared_by(read)
    recorder = record(read)
    recorder.elements.update(declared_by(PARTS.get(name, {})).elements)
    return recorder


def _elements(found: Recorder, words: Mapping[str, str]) -> list[str]:
    rows = [(path, one.kind, one.default, _text(path, one, words)) for path, one in found.elements.items()]
    columns = 4 if any(row[3] for row in rows) else 3
    lines = [
        f"| {' | '.join(row[:columns])} |"
        for row in [
            ("element", "type", "default", "meaning"),
            ("---",) * 4,
            *((f"`{path}`", *rest) for path, *rest in rows),
        ]
        if rows
    ]
    for title, names in (("Not yet in effect", found.not_yet), ("Accepted, without meaning here", found.ignored)):
        if names:
            lines += [*[""] * bool(lines), f"{title}: " + ", ".join(f"`{name}`" for name in names) + "."]
    return lines


def _text(path: str, element: Element, words: Mapping[str, str]) -> str:
    said = next((text for pattern, text in words.items() if fnmatchcase(path, pattern)), element.meaning)
    text = ". ".join(one.rstrip(".") for one in (said, element.status.capitalize()) if one)
    return f"{text}." if text else ""


def processing() -> str:
    return asyncio.run(_with_server(_processing))


async def _with_server(make: Callable[[Server], str]) -> str:
    """The page of a server without configuration, which is made and not started."""
    with tempfile.TemporaryDirectory() as empty:
        problems = Problems()
        server = Server(folder.load(Path(empty), Path(empty, "data"), problems), unopened_stores(), problems)
        try:
            return make(server)
        finally:
            await server.close()


def _processing(server: Server) -> str:
    context = replace(server.mailet_context, hello_name="the server's own name")
    lines = [
        "# Mailets, matchers and SMTP hooks",
        "",
        "Each can be named as here, with James's package before it, or, one of your own, by its dotted path or entry point. See the",
        "[developers' guide](../developers/README.md).",
        "",
        "## Mailets",
    ]
    for name, factory in sorted(MAILETS.items()):
        recorder = record(partial(_made, factory, name, context))
        lines += ["", f"### {name}", "", _doc(factory), *_parameters(recorder)]
    lines += ["", "Let every mail pass until they exist:", "", *_wrapped(sorted(MAILETS_WITHOUT_EFFECT))]
    lines += ["", "## Matchers", "", "| matcher | recipients that match |", "|---|---|"]
    lines += [f"| `{name}` | {_doc(factory)} |" for name, factory in sorted(MATCHERS.items())]
    lines += ["", "Made of the matchers inside them:", "", "| matcher | recipients that match |", "|---|---|"]
    lines += [f"| `{name}` | {_doc(factory)} |" for name, factory in sorted(COMPOSITES.items())]
    lines += ["", "## SMTP hooks"]
    for name, hook in sorted(HOOKS.items()):
        recorder = record(partial(_made, hook, name, server.hook_context))
        lines += [
            "",
            f"### {name}",
            "",
            _doc(type(_made(hook, name, server.hook_context, Recorder()))),
            *_parameters(recorder),
        ]
    lines += ["", "Always there, and accepted by name:", "", *_wrapped(sorted(chain._CORE))]
    return _page(lines)


def _made(make: Callable[[Settings, Any], object], name: str, context: object, recorder: Recorder) -> object:
    return make(recorder.settings(name), context)


def _parameters(recorder: Recorder) -> list[str]:
    found = _elements(recorder, {})
    return ["", *found] if found else []


def webadmin() -> str:
    return asyncio.run(_with_server(_webadmin))


def _webadmin(server: Server) -> str:
    groups: dict[str, list[str]] = {}
    for route in (route for group in server.route_groups() for route in group.routes()):
        endpoint = getattr(route, "endpoint", None)
        methods = sorted(getattr(route, "methods", None) or ())
        methods = ["GET"] if methods == ["GET", "HEAD"] else methods
        module = inspect.getmodule(endpoint)
        if methods == ["OPTIONS"] or module is None:
            continue
        path = str(getattr(route, "path", "")).replace(":path}", "}")
        row = f"| {', '.join(methods)} | `{path}` | {_doc(endpoint)} |"
        groups.setdefault(inspect.getdoc(module) or "", []).append(row)
    lines = ["# Administration API", "", "As Apache James's WebAdmin; JSON in and out."]
    for title, rows in groups.items():
        name, _, text = " ".join(title.split()).partition(": ")
        lines += ["", f"## {name.rstrip('.')}", "", *([text[:1].upper() + text[1:], ""] if text else [])]
        lines += ["| method | path | what |", "|---|---|---|", *rows]
    return _page(lines)


def commands() -> str:
    lines = ["# Commands"]
    root = click.Context(
        main, info_name="compostela", terminal_width=WIDTH, max_content_width=WIDTH, **main.context_settings
    )
    for context in _contexts(root):
        lines += ["", f"## {context.command_path}", "", "```text", *context.get_help().splitlines(), "```"]
    return _page(lines)


def _contexts(context: click.Context) -> Iterable[click.Context]:
    """A command and all that are in it."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            found = context.command.get_command(context, name)
            assert found is not None
            yield from _contexts(click.Context(found, parent=context, info_name=name))


def index() -> str:
    return _page([
        "# Reference",
        "",
        "- [Configuration files](configuration.md): every element with its type and its default",
        "- [Mailets, matchers and SMTP hooks](processing.md) with their parameters",
        "- [Administration API](webadmin.md): every route",
        "- [Commands](commands.md) of the command line",
    ])  # fmt: skip


PAGES: dict[str, Callable[[], str]] = {
    "README.md": index,
    "configuration.md": configuration,
    "processing.md": processing,
    "webadmin.md": webadmin,
    "commands.md": commands,
}


def write() -> None:
    """All pages to docs/reference."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make())


def _doc(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").split())


def _wrapped(names: Iterable[str]) -> list[str]:
    return [", ".join(f"`{name}`" for name in names) + "."]


def _page(lines: list[str]) -> str:
    return "\n".join([NOTE, "", *(line.rstrip() for line in lines), ""])
