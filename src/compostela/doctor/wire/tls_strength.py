"""Whether a port takes obsolete protocols and ciphers, or no TLS at all."""

import ssl
import warnings

from compostela.core.autoconfiguration.endpoints import Endpoint, Speaks
from compostela.doctor.model import Finding, Severity
from compostela.doctor.wire.certificates import unverified_context
from compostela.doctor.wire.dialogue import NAME, DialogueFailed, dialogue

_OLD = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}
_AVAILABLE = {"TLS 1.0": ssl.HAS_TLSv1, "TLS 1.1": ssl.HAS_TLSv1_1}
WEAK_CIPHERS = "aNULL:eNULL:3DES:RC4:DES:EXPORT:MD5:SEED:IDEA:RC2"
_WHY = "The traffic can be read on the way, and audits fail."


async def check_tls_strength(endpoint: Endpoint) -> list[Finding]:
    if not endpoint.encrypted:
        text = f"{endpoint} offers no TLS."
        severity = Severity.ERROR if endpoint.login else Severity.WARNING
        fix = f'<tls startTLS="true"> with a key, in the server {endpoint.name}'
        return [Finding(severity, str(endpoint), text, "Mail and passwords cross the network in clear text.", fix)]
    taken, untried = [], []
    for name, version in _OLD.items():
        context = _only(version) if _AVAILABLE[name] else None
        if context is None:
            untried.append(name)
        elif await _shakes_hands(endpoint, context):
            taken.append(name)
    weak = _weak()
    if weak is not None and await _shakes_hands(endpoint, weak):
        taken.append("weak ciphers")
    if taken:
        text = f"{endpoint} takes {', '.join(taken)}."
        fix = f"<supportedProtocols> and <supportedCipherSuites> of {endpoint.name}: TLSv1.2 and TLSv1.3 only"
        return [Finding(Severity.WARNING, str(endpoint), text, _WHY, fix)]
    if not await _shakes_hands(endpoint, unverified_context()):
        text = f"{endpoint} takes neither TLS 1.2 nor TLS 1.3."
        return [Finding(Severity.ERROR, str(endpoint), text, "Clients cannot use TLS there.", "see the server's log")]
    rest = f" ({', '.join(untried)} cannot be tried from this machine)" if untried else ""
    return [Finding(Severity.OK, str(endpoint), f"{endpoint} takes neither TLS 1.0 and 1.1 nor weak ciphers{rest}.")]


def _only(version: ssl.TLSVersion) -> ssl.SSLContext | None:
    context = unverified_context()
    try:
        with warnings.catch_warnings():
            # that the version is not to be used is what we want to find out
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
    except (ssl.SSLError, ValueError):
        return None
    return context


def _weak() -> ssl.SSLContext | None:
    """None when the library has no weak cipher left to offer."""
    context = unverified_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(f"{WEAK_CIPHERS}:@SECLEVEL=0")
    except ssl.SSLError:
        return None
    return context


async def _shakes_hands(endpoint: Endpoint, context: ssl.SSLContext) -> bool:
    try:
        async with dialogue(endpoint, context=context) as talk:
            if not endpoint.implicit:
                await talk.greeting()
                await talk.secure(context)
            return True
    except DialogueFailed:
        return False


async def check_clear_passwords(endpoint: Endpoint) -> list[Finding]:
    """A port with STARTTLS must not take passwords before it (RFC 8314 §3)."""
    if not endpoint.login or endpoint.implicit:
        return []
    async with dialogue(endpoint) as talk:
        await talk.greeting()
        match endpoint.speaks:
            case Speaks.IMAP:
                offered = "LOGINDISABLED" not in " ".join(await talk.imap(b"CAPABILITY")).upper()
            case Speaks.POP3:
                offered = any(one.upper().split()[:1] in (["USER"], ["SASL"]) for one in await talk.pop3_capabilities())
            case Speaks.SMTP | Speaks.LMTP:
                await talk.command(f"EHLO {NAME}")
                offered = "AUTH" in talk.offered
    if offered:
        text = f"{endpoint} takes passwords without TLS."
        fix = f"<auth><requireSSL>true</requireSSL></auth> in the server {endpoint.name}"
        return [Finding(Severity.ERROR, str(endpoint), text, "The password can be read on the way.", fix)]
    return [Finding(Severity.OK, str(endpoint), f"{endpoint} takes no password before TLS.")]
