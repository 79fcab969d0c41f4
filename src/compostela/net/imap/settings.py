"""`imapserver.xml`."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

from compostela.base.declarations import Boolean, Duration, Integer, Listed, Many, Parsed, Size, Text
from compostela.base.declared import Declared, Each, read
from compostela.base.settings import Node, Place, Problems, Settings, nearest
from compostela.core.mailbox.keyword_limits import DEFAULT_PER_MAILBOX, DEFAULT_PER_MESSAGE, KeywordLimits
from compostela.model.username import Username
from compostela.net.authentication.settings import AUTH, AuthSettings, read_auth_settings
from compostela.net.settings import ServerSettings, read_servers, server_group

MINIMUM_TIMEOUT_SECONDS = 1800.0
MAX_IN_MEMORY_BYTES = 10 * 1024 * 1024
BAN_CHECK = "CrowdsecImapConnectionCheck"
DEFAULT_AUTH = AuthSettings(("PLAIN",))


class _BanCheck(Listed):
    __slots__ = ()

    def read(self, settings: Settings, default: Any) -> object:
        names = settings.strings(self.name)
        for name in names:
            if name.rpartition(".")[2] != BAN_CHECK:
                settings.error(f"there is no check {name!r}{nearest(name, [BAN_CHECK])}", self.name)
        return settings.place_of(self.name) if names else default


def _capabilities(text: str) -> frozenset[str]:
    return frozenset(text.upper().replace("|", " ").replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class IdField:
    """What ID answers (RFC 2971)."""

    name: Annotated[str, Text("name")] = ""
    """What ID answers: the name of a field."""
    value: Annotated[str, Text("value")] = ""
    """Its value."""


@dataclass(frozen=True, slots=True)
class ImapSettings(Declared):
    """One IMAP server."""

    WITHOUT_EFFECT = (
        "ignoreIDLEUponProcessing", "maxQueueSize", "concurrentRequests", "partialBodyFetchCacheEnabled",
        "partialBodyFetchCacheDuration", "partialBodyFetchCacheSize", "handlerchain",
    )  # fmt: skip
    NOT_YET = ("trafficShaping", "perSessionCommandThrottling", "imapPackages", "customProperties")

    server: Annotated[ServerSettings, server_group("imapserver", 143, MINIMUM_TIMEOUT_SECONDS)]
    timeout_seconds: Annotated[float, Duration("timeout", minimum=MINIMUM_TIMEOUT_SECONDS)] = MINIMUM_TIMEOUT_SECONDS
    """As `connectiontimeout`, which is preferred."""
    auth: Annotated[AuthSettings, AUTH] = DEFAULT_AUTH
    plain_auth_disallowed: Annotated[bool, Boolean("plainAuthDisallowed")] = True
    """Older spelling of `auth/requireSSL`, which is preferred."""
    administrators: Annotated[frozenset[Username], Many("auth/adminUsers/adminUser", Username.parse, frozenset)] = (
        frozenset()
    )
    """Users who may act for anybody on this server."""
    max_line_bytes: Annotated[int, Size("maxLineLength")] = 65_536
    """Longest command line."""
    in_memory_bytes: Annotated[int, Size("inMemorySizeLimit")] = 256 * 1024
    """Larger messages of APPEND go to disk as they arrive. At most 10 MiB."""
    max_literal_bytes: Annotated[int, Size("literalSizeLimit")] = 0
    """Largest message of APPEND, 0 for no limit."""
    max_keywords_per_message: Annotated[int, Integer("maxKeywordsPerMessage", minimum=1)] = DEFAULT_PER_MESSAGE
    """Keywords of one message; a command that would give it more gets NO [LIMIT]."""
    max_keywords_per_mailbox: Annotated[int, Integer("maxKeywordsPerMailbox", minimum=1)] = DEFAULT_PER_MAILBOX
    """Different keywords that were ever used in one mailbox; a command that would bring more gets NO [LIMIT]."""
    enable_idle: Annotated[bool, Boolean("enableIdle")] = True
    """Give signs of life during IDLE."""
    idle_interval: Annotated[int, Integer("idleTimeInterval", minimum=1)] = 120
    """Between two signs of life during IDLE, in `idleTimeIntervalUnit`."""
    idle_unit: Annotated[str, Text("idleTimeIntervalUnit")] = "SECONDS"
    """`SECONDS` or `MINUTES`."""
    provision: Annotated[bool, Boolean("provisionDefaultMailboxes")] = True
    """Make and subscribe the default mailboxes at the first login. INBOX is always made."""
    hidden_capabilities: Annotated[frozenset[str], Parsed("disabledCaps", _capabilities)] = frozenset()
    """Capabilities that are not shown."""
    id_fields: Annotated[tuple[IdField, ...], Each("idCommandResponse/field")] = ()
    compress: Annotated[bool, Boolean("compress")] = False
    """COMPRESS. Not yet in effect."""
    ban_check: Annotated[Place | None, _BanCheck("additionalConnectionChecks")] = None
    """`CrowdsecImapConnectionCheck`: an address that CrowdSec bans is turned away."""

    @property
    def keyword_limits(self) -> KeywordLimits:
        return KeywordLimits(self.max_keywords_per_message, self.max_keywords_per_mailbox)

    @property
    def idle_interval_seconds(self) -> float:
        """Between two signs of life during IDLE; 0 for none."""
        unit = 60.0 if self.idle_unit.upper().startswith("MIN") else 1.0
        return self.idle_interval * unit if self.enable_idle else 0.0

    def completed(self, settings: Settings) -> Self:
        if self.compress:
            settings.not_yet("compress")
        server, auth = self.server, self.auth
        if not settings.has("connectiontimeout") and not settings.has("connectionTimeout"):
            server = replace(server, connection_timeout_seconds=self.timeout_seconds)
        if not settings.has("auth/requireSSL"):
            auth = replace(auth, require_ssl=self.plain_auth_disallowed)
        return replace(self, server=server, auth=auth, in_memory_bytes=min(self.in_memory_bytes, MAX_IN_MEMORY_BYTES))


def read_imap_settings(root: Node, problems: Problems) -> list[ImapSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "imapserver", _read_server, lambda one: one.server)


def _read_server(settings: Settings) -> ImapSettings:
    auth = read_auth_settings(settings.section("auth"), DEFAULT_AUTH.mechanisms)
    made = read(ImapSettings, settings, auth=auth)
    settings.finish()
    return made
