"""`imapserver.xml`."""

import socket
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings, nearest
from compostela.core.mailbox.keyword_limits import DEFAULT_PER_MAILBOX, DEFAULT_PER_MESSAGE, KeywordLimits
from compostela.model.username import Username
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.settings import ServerSettings, read_server_settings, read_servers

MINIMUM_TIMEOUT_SECONDS = 1800.0
BAN_CHECK = "CrowdsecImapConnectionCheck"
DEFAULT_AUTH = AuthSettings(("PLAIN",))


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """One IMAP server."""

    server: ServerSettings
    auth: AuthSettings = DEFAULT_AUTH
    administrators: frozenset[Username] = frozenset()
    """Users who may act for anybody on this server."""
    max_line_bytes: int = 65_536
    """Longest command line."""
    in_memory_bytes: int = 256 * 1024
    """Larger messages of APPEND go to disk as they arrive."""
    max_literal_bytes: int = 0
    """Largest message of APPEND, 0 for no limit."""
    max_keywords_per_message: int = DEFAULT_PER_MESSAGE
    """Keywords of one message; a command that would give it more gets NO [LIMIT]."""
    max_keywords_per_mailbox: int = DEFAULT_PER_MAILBOX
    """Different keywords that were ever used in one mailbox; a command that would bring more gets NO [LIMIT]."""
    idle_interval_seconds: float = 120.0
    """Between two signs of life during IDLE; 0 for none."""
    provision: bool = True
    """Make and subscribe the default mailboxes at the first login. INBOX is always made."""
    hidden_capabilities: frozenset[str] = frozenset()
    """Capabilities that are not shown."""
    id_fields: tuple[tuple[str, str], ...] = ()
    """What ID answers."""
    ban_check: Place | None = None
    """Where it is said that banned addresses are turned away."""

    @property
    def keyword_limits(self) -> KeywordLimits:
        return KeywordLimits(self.max_keywords_per_message, self.max_keywords_per_mailbox)


def read_imap_settings(root: Node, problems: Problems) -> list[ImapSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "imapserver", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> ImapSettings:
    timeout = settings.duration("timeout", MINIMUM_TIMEOUT_SECONDS, minimum=MINIMUM_TIMEOUT_SECONDS)
    server = read_server_settings(
        settings,
        default_name="imapserver",
        default_port=143,
        default_timeout=timeout,
        autodetected_name=socket.gethostname() or "localhost",
        checks_connections=True,
    )
    auth = settings.section("auth")
    disallowed = settings.boolean("plainAuthDisallowed", True)
    interval = settings.integer("idleTimeInterval", 120, minimum=1)
    unit = settings.text("idleTimeIntervalUnit", "SECONDS")
    ids = settings.section("idCommandResponse")
    fields = ids.sections("field") if ids is not None else []
    read = ImapSettings(
        server=server,
        auth=read_auth_settings(auth, DEFAULT_AUTH.mechanisms, require_ssl=disallowed),
        administrators=_administrators(auth),
        max_line_bytes=settings.size("maxLineLength", 65_536),
        in_memory_bytes=min(settings.size("inMemorySizeLimit", 256 * 1024), 10 * 1024 * 1024),
        max_literal_bytes=settings.size("literalSizeLimit", 0),
        max_keywords_per_message=settings.integer("maxKeywordsPerMessage", DEFAULT_PER_MESSAGE, minimum=1),
        max_keywords_per_mailbox=settings.integer("maxKeywordsPerMailbox", DEFAULT_PER_MAILBOX, minimum=1),
        idle_interval_seconds=interval * (60.0 if unit.upper().startswith("MIN") else 1.0)
        if settings.boolean("enableIdle", True)
        else 0.0,
        provision=settings.boolean("provisionDefaultMailboxes", True),
        hidden_capabilities=frozenset(
            settings.text("disabledCaps", "").upper().replace("|", " ").replace(",", " ").split()
        ),
        ban_check=_ban_check(settings),
        id_fields=tuple((field.text("name", ""), field.text("value", "")) for field in fields),
    )
    for field in fields:
        field.finish()
    if settings.boolean("compress", False):
        settings.not_yet("compress")
    settings.not_yet("trafficShaping", "perSessionCommandThrottling", "imapPackages", "customProperties")
    settings.ignored(
        "ignoreIDLEUponProcessing", "maxQueueSize", "concurrentRequests", "partialBodyFetchCacheEnabled",
        "partialBodyFetchCacheDuration", "partialBodyFetchCacheSize", "handlerchain",
    )  # fmt: skip
    settings.finish()
    return read


def _administrators(auth: Settings | None) -> frozenset[Username]:
    section = auth.section("adminUsers") if auth is not None else None
    found = set()
    for name in section.strings("adminUser") if section is not None else ():
        try:
            found.add(Username.parse(name))
        except InvalidArgument as wrong:
            assert section is not None
            section.error(str(wrong), "adminUser")
    return frozenset(found)


def _ban_check(settings: Settings) -> Place | None:
    names = settings.strings("additionalConnectionChecks")
    for name in names:
        if name.rpartition(".")[2] != BAN_CHECK:
            settings.error(f"there is no check {name!r}{nearest(name, [BAN_CHECK])}", "additionalConnectionChecks")
    return settings.place_of("additionalConnectionChecks") if names else None
