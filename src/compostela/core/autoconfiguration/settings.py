"""`autoconfiguration.properties`: how mail programs and other servers find out how to use this one."""

import enum
from dataclasses import dataclass, field
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Choice, Integer, Many, Port, Text
from compostela.base.declared import Declared, Reader
from compostela.base.settings import Settings

WEEK_SECONDS = 604_800


class MtaStsMode(enum.Enum):
    """RFC 8461 §5."""

    TESTING = "testing"
    ENFORCE = "enforce"
    NONE = "none"


_MODES = {mode.value: mode for mode in MtaStsMode}


@dataclass(frozen=True, slots=True)
class AutoconfigurationSettings(Declared):
    """The public documents, and the server as it is seen from outside."""

    enabled: Annotated[bool, Boolean("enabled")] = False
    """Start the listener for the public documents."""
    host: Annotated[str, Text("host")] = "127.0.0.1"
    """Its listening address; `0.0.0.0` for all."""
    port: Annotated[int, Port("port")] = 8088
    """Its TCP port."""
    https: Annotated[bool, Boolean("https.enabled")] = False
    """Speak HTTPS. Without it the listener belongs behind a reverse proxy that does."""
    keystore: Annotated[str | None, Text("https.keystore")] = None
    """URL of a key store (JKS, PKCS12 or PEM) with the key for HTTPS."""
    private_key: Annotated[str | None, Text("https.privateKey")] = None
    """URL of the key in PEM, together with `https.certificates`."""
    certificates: Annotated[str | None, Text("https.certificates")] = None
    """URL of the certificate chain in PEM; it names `autoconfig.`, `autodiscover.` and `mta-sts.` of each domain."""
    secret: Annotated[str | None, Text("https.secret")] = field(default=None, repr=False)
    """Password of the key store or of the key."""
    display_name: Annotated[str, Text("display.name")] = ""
    """What mail programs call the provider; by default the mail domain."""
    web_host: Annotated[str, Text("web.host")] = ""
    """Host whose HTTPS port leads to the listener; by default the `helloName` of the first SMTP server."""
    submissions_port: Annotated[int, Port("public.port.submissions")] = 0
    """Port of submission over TLS as clients reach it, when a router or firewall maps it; 0 for the configured one."""
    submission_port: Annotated[int, Port("public.port.submission")] = 0
    """The same for submission with STARTTLS."""
    imaps_port: Annotated[int, Port("public.port.imaps")] = 0
    """The same for IMAP over TLS."""
    imap_port: Annotated[int, Port("public.port.imap")] = 0
    """The same for IMAP with STARTTLS."""
    pop3s_port: Annotated[int, Port("public.port.pop3s")] = 0
    """The same for POP3 over TLS."""
    pop3_port: Annotated[int, Port("public.port.pop3")] = 0
    """The same for POP3 with STLS."""
    mta_sts_mode: Annotated[MtaStsMode, Choice("mta-sts.mode", _MODES)] = MtaStsMode.TESTING
    """Mode of the MTA-STS policy: begin with `testing`, go on to `enforce` when the reports show no failures."""
    mta_sts_mx: Annotated[tuple[str, ...], Many("mta-sts.mx")] = ()
    """The exchangers that the policy names: all that the MX records of the domains have, `*.` in front for every name one
    label below; by default `helloName`."""
    mta_sts_max_age: Annotated[int, Integer("mta-sts.max_age", minimum=0, maximum=31_557_600)] = WEEK_SECONDS
    """How long other servers may keep the policy, in seconds."""

    def completed(self, settings: Settings) -> Self:
        if self.https and not self.keystore and not (self.private_key and self.certificates):
            settings.error("HTTPS needs https.keystore, or https.privateKey and https.certificates")
        return self


read_autoconfiguration_settings = Reader(AutoconfigurationSettings)
