"""The configuration as a subject of diagnosis."""

import base64
from collections.abc import Iterable, Iterator, Sequence

from compostela.base.declared import read
from compostela.base.settings import Node, Problems, Settings
from compostela.core.autoconfiguration.endpoints import SMTP_PORT, Endpoint, Proxied, Speaks, client_services
from compostela.core.autoconfiguration.mta_sts import own_policy
from compostela.core.autoconfiguration.setup import PublicSetup
from compostela.doctor.configuration import ExaminedConfiguration
from compostela.doctor.subject import Certificate, DkimKey, Subject
from compostela.doctor.wire.certificates import certificate_of
from compostela.mailauth.dkim.signing import SENDER_DOMAIN
from compostela.mailauth.dns import a_labels
from compostela.net.settings import ServerSettings
from compostela.net.smtp.settings import Announce
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError
from compostela.processing.mailets.dkim import SigningSettings, read_signing

WEBADMIN_SECONDS = 5.0


def subject_of(
    configuration: ExaminedConfiguration,
    domains: Sequence[str],
    ports: dict[str, list[int]] | None = None,
    remarks: Sequence[str] = (),
) -> Subject:
    """`domains` are those that are managed; `ports`, by the name of a server, those that a running one really has. Reads key
    stores, so it belongs into a thread."""
    names = tuple(dict.fromkeys(a_labels(domain).lower() for domain in domains))
    keys, complaints = _dkim_keys(configuration, names)
    return Subject(
        setup=public_setup(configuration, ports),
        domains=names,
        endpoints=_endpoints(configuration, ports or {}),
        publishes=configuration.autoconfiguration.enabled,
        settings=configuration.doctor,
        certificate=_certificate(configuration),
        dkim_keys=tuple(keys),
        default_domain=str(configuration.domains.default_domain),
        complaints=tuple(complaints),
        remarks=tuple(remarks),
    )


def public_setup(configuration: ExaminedConfiguration, ports: dict[str, list[int]] | None = None) -> PublicSetup:
    """`ports` as for `subject_of`."""
    host, settings = _host(configuration), configuration.autoconfiguration
    return PublicSetup(
        host=host,
        services=client_services(_endpoints(configuration, ports or {}), host, settings),
        web_host=a_labels(settings.web_host or host).lower(),
        policy=own_policy(
            settings.mta_sts_mode,
            [a_labels(one).lower() for one in settings.mta_sts_mx] or [host],
            settings.mta_sts_max_age,
        ),
        display_name=settings.display_name,
    )


def configured_domains(configuration: ExaminedConfiguration) -> list[str]:
    """Those that the files name."""
    settings = configuration.domains
    return [str(domain) for domain in dict.fromkeys((settings.default_domain, *settings.domains))]


class NoList(Exception):
    """WebAdmin does not tell; the text says why."""


def managed_domains(configuration: ExaminedConfiguration) -> list[str]:
    """Those of the running server, as its WebAdmin tells. Raises `NoList`."""
    import http.client

    import orjson

    settings = configuration.webadmin
    if not settings.enabled:
        raise NoList("WebAdmin is off")
    token, refused = next(iter(settings.passwords), ""), "the password in webadmin.properties is not its own"
    if not token:
        try:
            token, refused = (
                configuration.token_file.read_text().strip(),
                f"the token in {configuration.token_file.parent} is not its own",
            )
        except OSError:
            refused = f"there is no token in {configuration.token_file.parent}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=WEBADMIN_SECONDS)
    try:
        connection.request("GET", "/domains", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        if response.status != 200:
            raise NoList(f"WebAdmin answers {response.status}{f': {refused}' if response.status == 401 else ''}")
        found: list[str] = orjson.loads(response.read())
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise NoList("WebAdmin does not answer") from error
    finally:
        connection.close()
    return found


def _host(configuration: ExaminedConfiguration) -> str:
    """The name of the server that other servers send to: the one on port 25, otherwise the first."""
    servers = [one.server for one in configuration.smtp]
    on_port = [one for one in servers if any(bind.port == SMTP_PORT for bind in one.bind)]
    chosen = [*on_port, *servers]
    return a_labels(chosen[0].hello_name if chosen else str(configuration.domains.default_domain)).lower()


def _endpoints(configuration: ExaminedConfiguration, ports: dict[str, list[int]]) -> tuple[Endpoint, ...]:
    found: list[Endpoint] = []
    for smtp in configuration.smtp:
        login = smtp.auth_enabled and smtp.announce is not Announce.NEVER
        for host, port, everywhere in _binds(smtp.server, ports):
            found.append(
                Endpoint(
                    name=smtp.server.name,
                    speaks=Speaks.SMTP,
                    host=host,
                    port=port,
                    everywhere=everywhere,
                    implicit=smtp.server.tls.implicit,
                    starttls=smtp.server.tls.starttls,
                    login=login,
                    login_required=login and smtp.auth_required,
                    authorized=smtp.authorized_networks,
                    proxied=_proxied(smtp.server),
                )
            )
    for server in (one.session.server for one in configuration.lmtp):
        for host, port, everywhere in _binds(server, ports):
            found.append(
                Endpoint(
                    name=server.name,
                    speaks=Speaks.LMTP,
                    host=host,
                    port=port,
                    everywhere=everywhere,
                    implicit=server.tls.implicit,
                    starttls=server.tls.starttls,
                    proxied=_proxied(server),
                )
            )
    mailboxes = [
        *((Speaks.IMAP, one.server) for one in configuration.imap),
        *((Speaks.POP3, one.server) for one in configuration.pop3),
    ]
    for speaks, server in mailboxes:
        for host, port, everywhere in _binds(server, ports):
            found.append(
                Endpoint(
                    name=server.name,
                    speaks=speaks,
                    host=host,
                    port=port,
                    everywhere=everywhere,
                    implicit=server.tls.implicit,
                    starttls=server.tls.starttls,
                    login=True,
                    proxied=_proxied(server),
                )
            )
    return tuple(found)


def _proxied(server: ServerSettings) -> Proxied:
    if server.proxy is None:
        return Proxied.NO
    if not server.proxy.believes("127.0.0.1"):
        return Proxied.BY_OTHERS
    return Proxied.BEFORE_TLS if server.proxy.first else Proxied.INSIDE_TLS


def _binds(server: ServerSettings, ports: dict[str, list[int]]) -> Iterator[tuple[str, int, bool]]:
    """Where to connect: (address, port, whether it listens on all)."""
    real = ports.get(server.name, [])
    for number, bind in enumerate(server.bind):
        everywhere = bind.host in ("0.0.0.0", "::")
        host = ("::1" if ":" in bind.host else "127.0.0.1") if everywhere else bind.host
        port = bind.port or (real[number] if number < len(real) else 0)
        if port:
            yield host, port, everywhere


def _certificate(configuration: ExaminedConfiguration) -> Certificate | None:
    """Of the server on port 25, otherwise of the first that offers TLS."""
    servers = [one.server for one in configuration.smtp if one.server.tls.offered]
    for server in sorted(servers, key=lambda one: all(bind.port != SMTP_PORT for bind in one.bind)):
        try:
            return certificate_of(server_context(server.tls, configuration.resolve))
        except (TlsError, ValueError):
            continue
    return None


def _dkim_keys(configuration: ExaminedConfiguration, domains: Iterable[str]) -> tuple[list[DkimKey], list[str]]:
    """The keys of the mailets DKIMSign, and what is wrong with others."""
    found: dict[DkimKey, None] = {}
    complaints: list[str] = []
    for mailet in _mailets(configuration.container, "DKIMSign"):
        signing = read(SigningSettings, Settings(mailet, Problems()))
        try:
            template, key = read_signing(configuration.resolve, signing)
        except (OSError, ValueError, TypeError) as error:
            complaints.append(f"{mailet.place}: DKIMSign cannot sign: {error}")
            continue
        public = base64.b64encode(key.public).decode()
        for domain in domains if template.domain == SENDER_DOMAIN else [template.domain]:
            found[DkimKey(domain, template.selector, key.algorithm.key_type, public)] = None
    return list(found), complaints


def _mailets(node: Node, name: str) -> Iterator[Node]:
    if node.name == "mailet" and node.attributes.get("class", "").rpartition(".")[2] == name:
        yield node
    for child in node.children:
        yield from _mailets(child, name)
