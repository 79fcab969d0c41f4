"""`autoconfiguration.properties`: how mail programs and other servers find out how to use this one."""

import enum
from dataclasses import dataclass, field

from compostela.base.settings import Settings

WEEK_SECONDS = 604_800


class MtaStsMode(enum.Enum):
    """RFC 8461 §5."""

    TESTING = "testing"
    ENFORCE = "enforce"
    NONE = "none"


_MODES = {mode.value: mode for mode in MtaStsMode}


@dataclass(frozen=True, slots=True)
class AutoconfigurationSettings:
    """The public documents, and the server as it is seen from outside."""

    enabled: bool = False
    """Start the listener for the public documents."""
    host: str = "127.0.0.1"
    """Its listening address; `0.0.0.0` for all."""
    port: int = 8088
    """Its TCP port."""
    https: bool = False
    """Speak HTTPS. Without it the listener belongs behind a reverse proxy that does."""
    keystore: str | None = None
    """URL of a key store (JKS, PKCS12 or PEM) with the key for HTTPS."""
    private_key: str | None = None
    """URL of the key in PEM, together with `https.certificates`."""
    certificates: str | None = None
    """URL of the certificate chain in PEM; it names `autoconfig.`, `autodiscover.` and `mta-sts.` of each domain."""
    secret: str | None = field(default=None, repr=False)
    """Password of the key store or of the key."""
    display_name: str = ""
    """What mail programs call the provider; by default the mail domain."""
    web_host: str = ""
    """Host whose HTTPS port leads to the listener; by default the `helloName` of the first SMTP server."""
    submissions_port: int = 0
    """Port of submission over TLS as clients reach it, when a router or firewall maps it; 0 for the configured one."""
    submission_port: int = 0
    """The same for submission with STARTTLS."""
    imaps_port: int = 0
    """The same for IMAP over TLS."""
    imap_port: int = 0
    """The same for IMAP with STARTTLS."""
    pop3s_port: int = 0
    """The same for POP3 over TLS."""
    pop3_port: int = 0
    """The same for POP3 with STLS."""
    mta_sts_mode: MtaStsMode = MtaStsMode.TESTING
    """Mode of the MTA-STS policy: begin with `testing`, go on to `enforce` when the reports show no failures."""
    mta_sts_mx: tuple[str, ...] = ()
    """The exchangers that the policy names: all that the MX records of the domains have, `*.` in front for every name one
    label below; by default `helloName`."""
    mta_sts_max_age: int = WEEK_SECONDS
    """How long other servers may keep the policy, in seconds."""


DEFAULTS = AutoconfigurationSettings()


def read_autoconfiguration_settings(settings: Settings) -> AutoconfigurationSettings:
    """Reads the whole file."""
    read = AutoconfigurationSettings(
        enabled=settings.boolean("enabled", DEFAULTS.enabled),
        host=settings.text("host", DEFAULTS.host),
        port=settings.integer("port", DEFAULTS.port, minimum=0, maximum=65535),
        https=settings.boolean("https.enabled", DEFAULTS.https),
        keystore=settings.text("https.keystore", DEFAULTS.keystore),
        private_key=settings.text("https.privateKey", DEFAULTS.private_key),
        certificates=settings.text("https.certificates", DEFAULTS.certificates),
        secret=settings.text("https.secret", DEFAULTS.secret),
        display_name=settings.text("display.name", DEFAULTS.display_name),
        web_host=settings.text("web.host", DEFAULTS.web_host),
        submissions_port=settings.integer("public.port.submissions", 0, minimum=0, maximum=65535),
        submission_port=settings.integer("public.port.submission", 0, minimum=0, maximum=65535),
        imaps_port=settings.integer("public.port.imaps", 0, minimum=0, maximum=65535),
        imap_port=settings.integer("public.port.imap", 0, minimum=0, maximum=65535),
        pop3s_port=settings.integer("public.port.pop3s", 0, minimum=0, maximum=65535),
        pop3_port=settings.integer("public.port.pop3", 0, minimum=0, maximum=65535),
        mta_sts_mode=settings.choice("mta-sts.mode", DEFAULTS.mta_sts_mode, _MODES),
        mta_sts_mx=tuple(settings.strings("mta-sts.mx")),
        mta_sts_max_age=settings.integer("mta-sts.max_age", DEFAULTS.mta_sts_max_age, minimum=0, maximum=31_557_600),
    )
    if read.https and not read.keystore and not (read.private_key and read.certificates):
        settings.error("HTTPS needs https.keystore, or https.privateKey and https.certificates")
    settings.finish()
    return read
