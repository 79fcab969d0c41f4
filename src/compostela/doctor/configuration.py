"""The parts of the server's configuration that the doctor reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compostela.base.settings import Node
from compostela.core.autoconfiguration.settings import AutoconfigurationSettings
from compostela.core.domains.settings import DomainListSettings
from compostela.doctor.settings import DoctorSettings
from compostela.net.imap.settings import ImapSettings
from compostela.net.lmtp.settings import LmtpSettings
from compostela.net.pop3.settings import Pop3Settings
from compostela.net.smtp.settings import SmtpSettings
from compostela.web.webadmin.settings import WebAdminSettings


@dataclass(frozen=True, slots=True)
class ExaminedConfiguration:
    """What the files say of servers, domains and keys."""

    smtp: Sequence[SmtpSettings]
    lmtp: Sequence[LmtpSettings]
    imap: Sequence[ImapSettings]
    pop3: Sequence[Pop3Settings]
    container: Node
    """The root of mailetcontainer.xml: its DKIMSign mailets name keys."""
    domains: DomainListSettings
    webadmin: WebAdminSettings
    autoconfiguration: AutoconfigurationSettings
    doctor: DoctorSettings
    resolve: Callable[[str], Path]
    """Where a file is that the configuration names, as `file://conf/key.pem`."""
    token_file: Path
    """The password of WebAdmin that the server generates when none is configured."""
