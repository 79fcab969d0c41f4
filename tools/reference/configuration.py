"""The page of the configuration files, made of the declarations on the fields of settings classes (`compostela.base.declared`)."""

from compostela.adapters.cassandra.queue_settings import QueueSettings
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.adapters.redis.settings import RedisSettings
from compostela.adapters.s3.settings import BlobSettings
from compostela.app.configuration import folder
from compostela.app.configuration.batch_sizes import BatchSizes
from compostela.app.configuration.engine_files import RabbitFile
from compostela.app.supervisor.settings import WorkersSettings
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
from compostela.net.imap.settings import ImapSettings
from compostela.net.lmtp.settings import LmtpSettings
from compostela.net.managesieve.settings import ManageSieveSettings
from compostela.net.pop3.settings import Pop3Settings
from compostela.net.smtp.settings import SmtpSettings
from compostela.processing.container import SpoolerSettings
from compostela.processing.sieve_settings import SieveSettings
from compostela.web.webadmin.settings import WebAdminSettings
from tools.reference.rows import Rows, rows_of

SERVERS: dict[str, type] = {
    "smtpserver": SmtpSettings,
    "lmtpserver": LmtpSettings,
    "imapserver": ImapSettings,
    "pop3server": Pop3Settings,
    "managesieveserver": ManageSieveSettings,
}
"""Each is declared for the element of that name, in the file of that name."""
FILES: dict[str, type] = {
    "mailetcontainer.xml": SpoolerSettings,
    "authentication.properties": ThrottleSettings,
    "domainlist.xml": DomainListSettings,
    "usersrepository.xml": UsersSettings,
    "recipientrewritetable.xml": RewritingSettings,
    "mailrepositorystore.xml": RepositorySettings,
    "dnsservice.xml": DnsSettings,
    "droplists.properties": DropListSettings,
    "rspamd.properties": RspamdSettings,
    "crowdsec.properties": CrowdsecSettings,
    "webadmin.properties": WebAdminSettings,
    "rabbitmq.properties": RabbitFile,
    "sieve.properties": SieveSettings,
    "workers.properties": WorkersSettings,
    "tasks.properties": TaskRunSettings,
    "healthcheck.properties": HealthSettings,
    "autoconfiguration.properties": AutoconfigurationSettings,
    "doctor.properties": DoctorSettings,
    "batchsizes.properties": BatchSizes,
    "extensions.properties": ExtensionsSettings,
    "cassandra.properties and cassandra-driver.conf": CassandraSettings,
    "blob.properties (or blobstore.properties)": BlobSettings,
    "redis.properties": RedisSettings,
    "queue.properties": QueueSettings,
    "listeners.xml": ListenersSettings,
}


def lines() -> list[str]:
    """The lines of the page."""
    found = [
        "# Configuration files",
        "",
        "Every file may be missing; the defaults are those of a file that is there and does not name the element. A slash is",
        "between an element and the one inside it; what is inside may be written as an attribute as well.",
    ]
    for name, declared in SERVERS.items():
        found += _file(f"{name}.xml", rows_of(declared, f"{name}/"))
    for name, declared in FILES.items():
        found += _file(name, rows_of(declared))
    listed = ", ".join(f"`{name}`" for name in folder._NOT_YET)
    return [*found, "", "## Known by name, not yet in effect", "", f"{listed}."]


def _file(name: str, rows: Rows) -> list[str]:
    formal = [] if rows.elements else ["Read for its form only: nothing of it is in effect yet.", ""]
    return ["", f"## {name}", "", *formal, *rows.table()]
