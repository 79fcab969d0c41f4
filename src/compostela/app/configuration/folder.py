"""The configuration folder: which files there are, and the settings of all components read from them."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from compostela.app.configuration.batch_sizes import read_batch_sizes
from compostela.app.configuration.engine_files import ENGINE_FILES, read_engines, read_rabbitmq
from compostela.app.configuration.files import Reader
from compostela.app.configuration.locations import FileLocations
from compostela.app.engines import EngineSettings
from compostela.app.supervisor.settings import WorkersSettings, read_workers_settings
from compostela.base.settings import Node, Place, Problems, Settings, nearest
from compostela.core.authentication.throttle import ThrottleSettings, read_throttle_settings
from compostela.core.autoconfiguration.settings import AutoconfigurationSettings, read_autoconfiguration_settings
from compostela.core.dns.settings import DnsSettings, read_dns_settings
from compostela.core.domains.settings import DomainListSettings, read_domain_list_settings
from compostela.core.drop_lists.settings import DropListSettings, read_drop_list_settings
from compostela.core.events.settings import ListenersSettings, read_listeners_settings
from compostela.core.filtering.settings import (
    CrowdsecSettings,
    RspamdSettings,
    read_crowdsec_settings,
    read_rspamd_settings,
)
from compostela.core.health.settings import HealthSettings, read_health_settings
from compostela.core.repository.settings import RepositorySettings, read_repository_settings
from compostela.core.rewriting.settings import RewritingSettings, read_rewriting_settings
from compostela.core.tasks.settings import (
    ExtensionsSettings,
    TaskRunSettings,
    TaskSettings,
    read_extensions_settings,
    read_task_run_settings,
)
from compostela.core.users.settings import UsersSettings, read_users_settings
from compostela.doctor.configuration import ExaminedConfiguration
from compostela.doctor.settings import DoctorSettings, read_doctor_settings
from compostela.net.authentication.mechanisms import SCRAM, SCRAM_PLUS
from compostela.net.imap.settings import ImapSettings, read_imap_settings
from compostela.net.lmtp.settings import LmtpSettings, read_lmtp_settings
from compostela.net.managesieve.settings import ManageSieveSettings, read_managesieve_settings
from compostela.net.own_names import own_names
from compostela.net.pop3.settings import Pop3Settings, read_pop3_settings
from compostela.net.settings import ServerSettings, check_ports
from compostela.net.smtp.settings import SmtpSettings, read_smtp_settings
from compostela.processing.container import SpoolerSettings, read_spooler_settings
from compostela.processing.sieve_settings import SieveSettings, read_sieve_settings
from compostela.web.webadmin.settings import WebAdminSettings, read_webadmin_settings

T = TypeVar("T")
MISSPELT = 0.9
"""Likeness (of difflib) from which on an unknown file is a misspelling. Two names that are read are less alike."""

_FILES = (
    "smtpserver.xml", "lmtpserver.xml", "imapserver.xml", "pop3server.xml", "managesieveserver.xml", "mailetcontainer.xml", "domainlist.xml",
    "usersrepository.xml", "recipientrewritetable.xml", "mailrepositorystore.xml", "dnsservice.xml", "batchsizes.properties",
    "authentication.properties", "crowdsec.properties", "webadmin.properties", "healthcheck.properties", "listeners.xml", "extensions.properties",
    "autoconfiguration.properties", "doctor.properties", "rabbitmq.properties", "tasks.properties", "droplists.properties", "rspamd.properties",
    "sieve.properties", "workers.properties", *ENGINE_FILES,
)  # fmt: skip
_NOT_YET = (
    "jmap.properties", "opensearch.properties", "elasticsearch.properties", "tika.properties", "search.properties",
    "deletedMessageVault.properties", "spamassassin.properties", "quotas.xml",
)  # fmt: skip
_NO_MEANING = ("jvm.properties", "jmx.properties", "logback.xml", "jmxremote.password", "jmxremote.access", "README.md")
_REFUSED = {"pulsar.properties": "Pulsar", "queue-pulsar.properties": "Pulsar", "postgres.properties": "PostgreSQL"}
_CONFIGURATION_ENDINGS = (".xml", ".properties", ".conf")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was configured."""

    locations: FileLocations
    smtp: list[SmtpSettings]
    lmtp: list[LmtpSettings]
    imap: list[ImapSettings]
    pop3: list[Pop3Settings]
    managesieve: list[ManageSieveSettings]
    container: Node
    spooler: SpoolerSettings
    sieve: SieveSettings
    throttle: ThrottleSettings
    domains: DomainListSettings
    users: UsersSettings
    rewriting: RewritingSettings
    repositories: RepositorySettings
    drop_lists: DropListSettings
    dns: DnsSettings
    crowdsec: CrowdsecSettings | None
    rspamd: RspamdSettings
    health: HealthSettings
    tasks: TaskSettings
    task_runs: TaskRunSettings
    extensions: ExtensionsSettings
    listeners: ListenersSettings
    webadmin: WebAdminSettings
    autoconfiguration: AutoconfigurationSettings
    doctor: DoctorSettings
    workers: WorkersSettings
    engines: EngineSettings | None
    """Those of the distributed edition; None for the embedded one."""

    @property
    def mail_servers(self) -> list[ServerSettings]:
        """What listens for the mail protocols."""
        return [server for _, servers in self.files_of_servers for server in servers]

    @property
    def files_of_servers(self) -> list[tuple[Place, list[ServerSettings]]]:
        """The same by file."""
        return [
            (Place("smtpserver.xml"), [one.server for one in self.smtp]),
            (Place("lmtpserver.xml"), [one.session.server for one in self.lmtp]),
            (Place("imapserver.xml"), [one.server for one in self.imap]),
            (Place("pop3server.xml"), [one.server for one in self.pop3]),
            (Place("managesieveserver.xml"), [one.server for one in self.managesieve]),
        ]

    @property
    def examined(self) -> ExaminedConfiguration:
        """The parts that the doctor reads."""
        return ExaminedConfiguration(
            smtp=self.smtp,
            lmtp=self.lmtp,
            imap=self.imap,
            pop3=self.pop3,
            container=self.container,
            domains=self.domains,
            webadmin=self.webadmin,
            autoconfiguration=self.autoconfiguration,
            doctor=self.doctor,
            resolve=self.locations.resolve,
            token_file=self.locations.token_file,
        )


def load(folder: Path, data: Path, problems: Problems) -> Configuration:
    """Reads the whole folder. Complaints go to `problems`; what is missing takes its defaults."""
    if not folder.is_dir():
        problems.error(Place(str(folder)), "the configuration folder does not exist")
    else:
        _check_names(folder, problems)
    source = _Source(folder, problems)
    source.root("batchsizes.properties", read_batch_sizes)
    container = source.packaged("mailetcontainer.xml")
    rabbit = source.root("rabbitmq.properties", read_rabbitmq)
    engines = read_engines(source.settings, source.has, rabbit.broker, problems)
    configuration = Configuration(
        locations=FileLocations(folder, data),
        smtp=read_smtp_settings(source.node("smtpserver.xml", "smtpservers"), problems),
        lmtp=read_lmtp_settings(source.node("lmtpserver.xml", "lmtpservers"), problems),
        imap=read_imap_settings(source.node("imapserver.xml", "imapservers"), problems),
        pop3=read_pop3_settings(source.node("pop3server.xml", "pop3servers"), problems),
        managesieve=read_managesieve_settings(source.node("managesieveserver.xml", "managesieveservers"), problems),
        container=container,
        spooler=read_spooler_settings(container, problems),
        sieve=source.root("sieve.properties", read_sieve_settings),
        throttle=source.root("authentication.properties", read_throttle_settings),
        domains=source.root("domainlist.xml", _read_domain_list),
        users=source.root("usersrepository.xml", read_users_settings),
        rewriting=source.root("recipientrewritetable.xml", read_rewriting_settings),
        repositories=source.root("mailrepositorystore.xml", read_repository_settings),
        drop_lists=source.root("droplists.properties", read_drop_list_settings),
        dns=source.root("dnsservice.xml", read_dns_settings),
        crowdsec=source.root("crowdsec.properties", read_crowdsec_settings),
        rspamd=source.root("rspamd.properties", read_rspamd_settings),
        health=source.root("healthcheck.properties", read_health_settings),
        tasks=rabbit.tasks,
        task_runs=source.root("tasks.properties", read_task_run_settings),
        extensions=source.root("extensions.properties", read_extensions_settings),
        listeners=source.root("listeners.xml", read_listeners_settings),
        webadmin=source.root("webadmin.properties", read_webadmin_settings),
        autoconfiguration=source.root("autoconfiguration.properties", read_autoconfiguration_settings),
        doctor=source.root("doctor.properties", read_doctor_settings),
        workers=source.root("workers.properties", read_workers_settings),
        engines=engines,
    )
    check_ports(configuration.files_of_servers, problems)
    _check_scram(configuration, problems)
    return configuration


def _read_domain_list(settings: Settings) -> DomainListSettings:
    return read_domain_list_settings(settings, lambda addresses: own_names(addresses=addresses))


def _check_scram(configuration: Configuration, problems: Problems) -> None:
    """SCRAM needs secrets made of the passwords, which a directory does not give."""
    directory = configuration.users.directory
    servers = [
        *((one.server.name, one.auth) for one in configuration.smtp),
        *((one.server.name, one.auth) for one in configuration.imap),
        *((one.server.name, one.auth) for one in configuration.pop3),
        *((one.server.name, one.auth) for one in configuration.managesieve),
    ]
    names = [name for name, auth in servers if {SCRAM, SCRAM_PLUS} & {*auth.mechanisms}]
    if directory is not None and names:
        problems.warning(
            directory.place,
            f"users of the directory cannot log in with SCRAM, which {', '.join(names)} offers: take it out of saslMechanisms",
        )


class _Source:
    def __init__(self, folder: Path, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems
        self._reader = Reader(problems)

    def node(self, name: str, root: str) -> Node:
        """The root of a file, an empty one when the file is missing."""
        path = self._folder / name
        found = self._reader.read(path) if path.is_file() else None
        return found or Node(root, Place(name))

    def packaged(self, name: str) -> Node:
        """The root of a file, or of the one that comes with the package."""
        path = self._folder / name
        found = self._reader.read(path) if path.is_file() else None
        if found is None:
            data = files("compostela.app.configuration").joinpath("defaults", name).read_bytes()
            found = self._reader.parse(name, data)
        assert found is not None
        return found

    def has(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def settings(self, name: str) -> Settings:
        return Settings(self.node(name, name), self._problems)

    def root(self, name: str, read: Callable[[Settings], T]) -> T:
        return read(self.settings(name))


def _check_names(folder: Path, problems: Problems) -> None:
    known = (*_FILES, *_NOT_YET, *_NO_MEANING, *_REFUSED)
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_YET:
            problems.not_yet(Place(path.name), "the file is not yet in effect")
        elif path.name in _REFUSED:
            problem = (
                f"{_REFUSED[path.name]} is not supported: remove the file, and the data stays in the embedded store"
            )
            problems.error(Place(path.name), problem)
        elif path.name in _NO_MEANING and path.name.endswith((".properties", ".xml")):
            problems.no_effect(Place(path.name), "the file has no effect here")
        elif path.name not in known and _is_misspelt(path.name):
            problems.error(Place(path.name), f"an unknown file{nearest(path.name, known)}: it would not be read")
        elif path.name not in known and path.name.endswith(_CONFIGURATION_ENDINGS):
            problems.warning(Place(path.name), f"an unknown file{nearest(path.name, known)}")


def _is_misspelt(name: str) -> bool:
    """Whether it is nearly the name of a file that is read: what it configures would silently be missing."""
    return name.endswith(_CONFIGURATION_ENDINGS) and bool(
        difflib.get_close_matches(name.lower(), _FILES, n=1, cutoff=MISSPELT)
    )
