"""`compostela init`: a configuration folder for a domain, made from the sample, and a data folder with its first user."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from compostela.app.configuration.folder import load
from compostela.app.configuration.sample import sample_folder
from compostela.app.first_start import make_certificate, write_private
from compostela.app.opening import open_stores
from compostela.app.server.services import make_services
from compostela.base.clock import SystemClock
from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.base.settings import Problems, Severity
from compostela.model.domain import Domain
from compostela.model.username import Username

DKIM_FILE = "dkim.pem"
DKIM_BITS = 2048
SELECTOR = "mail"
PUBLIC_PORTS = {1025: 25, 1587: 587, 1465: 465, 1143: 143, 1993: 993, 1110: 110, 1995: 995, 4190: 4190}
"""Ports of the sample, and those that other servers and mail programs expect."""
_BIND = re.compile(r"<bind>127\.0\.0\.1:(\d+)</bind>")
_RELAY = '            <mailet match="All" class="RemoteDelivery">'
_SIGN = """\
            <mailet match="SMTPAuthSuccessful" class="DKIMSign">
                <signatureTemplate>v=1; s={selector}; d={domain}; h=from:from:to:cc:subject:date:message-id:reply-to; a=rsa-sha256; c=relaxed/relaxed; t=; bh=; b=;</signatureTemplate>
                <privateKeyFilepath>file://conf/{file}</privateKeyFilepath>
            </mailet>
"""


class FolderInUse(CompostelaError):
    """There is a configuration already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set up. `user` is the local part of the first user, who is the postmaster too."""

    domain: Domain
    host: Domain
    user: str
    high_ports: bool = False
    """Keep the sample's ports above 1024."""


async def initialise(plan: Plan, conf: Path, data: Path) -> str:
    """Writes both folders and gives the first user's password. Raises `FolderInUse`, `InvalidArgument`, `StoresUnavailable`."""
    first = Username.parse(f"{plan.user}@{plan.domain}")
    if conf.exists() and any(conf.iterdir()):
        raise FolderInUse(f"{conf} is not empty: remove it, or choose another folder with --conf")
    _write_configuration(plan, conf)
    problems = Problems()
    configuration = load(conf, data, problems)
    if wrong := problems.of(Severity.ERROR):
        raise InvalidArgument(str(wrong[0]))
    stores = await open_stores(data, configuration.listeners, configuration.engines)
    make_certificate(data, plan.host.name)
    services = make_services(configuration, stores, SystemClock())
    password = secrets.token_urlsafe(12)
    try:
        await services.domains.add_configured()
        if await services.users.contains(first):
            raise FolderInUse(f"{data} has the user {first} already: choose another folder with --data")
        await services.rewriting.check_free(first)
        await services.users.add(first, password)
    finally:
        services.users.close()
        await stores.close()
    return password


def _write_configuration(plan: Plan, conf: Path) -> None:
    conf.mkdir(mode=0o750, parents=True, exist_ok=True)
    write_private(conf / DKIM_FILE, _dkim_key())
    for sample in sorted(sample_folder().iterdir()):
        if sample.suffix in (".xml", ".properties"):
            (conf / sample.name).write_text(_adapted(sample.read_text(), plan))


def _adapted(text: str, plan: Plan) -> str:
    def bind(match: re.Match[str]) -> str:
        port = int(match[1])
        if port not in PUBLIC_PORTS:
            return match[0]  # LMTP has no login: it stays on loopback
        return f"<bind>0.0.0.0:{port if plan.high_ports else PUBLIC_PORTS[port]}</bind>"

    sign = _SIGN.format(selector=SELECTOR, domain=plan.domain, file=DKIM_FILE)
    for old, new in (
        ('<helloName autodetect="true"/>', f'<helloName autodetect="false">{plan.host}</helloName>'),
        ("<defaultDomain>localhost<", f"<defaultDomain>{plan.domain}<"),
        ("<postmaster>postmaster<", f"<postmaster>{plan.user}@{plan.domain}<"),
        (_RELAY, sign + _RELAY),
    ):
        text = text.replace(old, new)
    return _BIND.sub(bind, text)


def _dkim_key() -> bytes:
    # slow to import, and needed once
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, DKIM_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
