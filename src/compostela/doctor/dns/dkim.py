"""The key in DNS is the one that signs (RFC 6376 §3.6)."""

import base64
import binascii

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import signature
from compostela.doctor.dns.tag_list import tags
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import DkimKey, Subject

_WHY_KEY = "Signatures made with the key do not verify: mail that was forwarded passes neither SPF nor DKIM."
_WHY_NONE = (
    "Large providers want signed mail; without a signature forwarded mail passes no check, and DMARC cannot be strict."
)
_MAILET = """\
<mailet match="SMTPAuthSuccessful" class="DKIMSign"><signatureTemplate>v=1; s=SELECTOR; d={domain}; \
h=from:to:subject:date:message-id; a=rsa-sha256; c=relaxed/relaxed; bh=; b=;</signatureTemplate>\
<privateKeyFilepath>file://conf/dkim.pem</privateKeyFilepath></mailet>
before RemoteDelivery in mailetcontainer.xml, with a key made by: openssl genrsa -out conf/dkim.pem 2048"""
SHORT_RSA_OCTETS = 160
"""A key of 1024 bits takes 162 octets in DER."""


async def check_dkim(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    keys = subject.keys_of(domain)
    if not keys:
        text = f"Mail from {domain} is not signed: no DKIM key is configured."
        return [Finding(Severity.WARNING, domain, text, _WHY_NONE, _MAILET.format(domain=domain))]
    return [await _key(key, domain, dns) for key in keys]


async def _key(key: DkimKey, domain: str, dns: Lookups) -> Finding:
    fix = str(signature(key))
    records = await dns.txt(key.name)
    if not records:
        return Finding(Severity.ERROR, domain, f"There is no DKIM key at {key.name}.", _WHY_KEY, fix)
    if len(records) > 1:
        return Finding(Severity.ERROR, domain, f"There are {len(records)} records at {key.name}.", _WHY_KEY, fix)
    found = tags(records[0])
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        return Finding(Severity.ERROR, domain, f"The record at {key.name} is no DKIM key.", _WHY_KEY, fix)
    public = "".join(found["p"].split())
    if not public:
        return Finding(Severity.ERROR, domain, f"The key at {key.name} is revoked.", _WHY_KEY, fix)
    if found.get("k", "rsa") != key.algorithm or _octets(public) != _octets(key.public):
        return Finding(Severity.ERROR, domain, f"The key at {key.name} is not the one that signs.", _WHY_KEY, fix)
    if not {"*", "email"} & _listed(found.get("s", "*")) or "sha256" not in _listed(found.get("h", "sha256")):
        text = f"The key at {key.name} is not for signatures of mail with SHA-256 (s=, h=)."
        return Finding(Severity.ERROR, domain, text, _WHY_KEY, fix)
    if "y" in _listed(found.get("t", "")):
        text = f"The key at {key.name} is marked as a test (t=y)."
        return Finding(Severity.INFO, domain, text, "Some receivers ignore the signatures then.", fix)
    if key.algorithm == "rsa" and len(_octets(public)) < SHORT_RSA_OCTETS:
        text = f"The key at {key.name} has less than 1024 bits."
        return Finding(Severity.WARNING, domain, text, "RFC 8301 lets receivers ignore it.", "a new key of 2048 bits")
    return Finding(Severity.OK, domain, f"The DKIM key at {key.name} is the one that signs.")


def _listed(text: str) -> set[str]:
    return {one.strip().lower() for one in text.split(":")}


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
