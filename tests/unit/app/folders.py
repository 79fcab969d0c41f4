"""A configuration folder of a server that other servers could talk to."""

from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from compostela.app import first_start
from tests.server_process import TLS

STARTTLS = TLS.format(implicit="false", starttls="true")
IMPLICIT = TLS.format(implicit="true", starttls="false")
HELLO = '<helloName autodetect="false">mail.example.org</helloName>'
SMTP = f"""<smtpservers>
<smtpserver><jmxName>smtp</jmxName><bind>0.0.0.0:25</bind>{HELLO}{STARTTLS}</smtpserver>
<smtpserver><jmxName>submission</jmxName><bind>0.0.0.0:587</bind>{HELLO}{STARTTLS}
<auth><announce>forUnauthorizedAddresses</announce><required>true</required></auth></smtpserver>
<smtpserver><jmxName>smtps</jmxName><bind>0.0.0.0:465</bind>{HELLO}{IMPLICIT}
<auth><announce>forUnauthorizedAddresses</announce><required>true</required></auth></smtpserver></smtpservers>"""
IMAP = f"""<imapservers><imapserver><jmxName>imaps</jmxName><bind>0.0.0.0:993</bind>{HELLO}{IMPLICIT}</imapserver></imapservers>"""
DOMAINS = """<domainlist><defaultDomain>example.org</defaultDomain>
<domainnames><domainname>second.example</domainname></domainnames></domainlist>"""
CONTAINER = """<mailetcontainer><spooler/><processors><processor state="root">
<mailet match="All" class="DKIMSign"><signatureTemplate>v=1; s=key1; d=example.org; h=from:to; a=rsa-sha256; bh=; b=;</signatureTemplate>
<privateKeyFilepath>file://conf/dkim.pem</privateKeyFilepath></mailet>
<mailet match="All" class="LocalDelivery"/></processor></processors></mailetcontainer>"""


@cache
def _signing_key() -> bytes:
    """One for all folders of a process: it takes 50 ms of computing."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_folder(conf: Path, data: Path, **properties: str) -> None:
    """Files are named by their keyword, with `_` for the dot: `doctor_properties="..."`."""
    conf.mkdir()
    (conf / "dkim.pem").write_bytes(_signing_key())
    files = {
        "smtpserver.xml": SMTP,
        "imapserver.xml": IMAP,
        "domainlist.xml": DOMAINS,
        "mailetcontainer.xml": CONTAINER,
    }
    files |= {name.replace("_", "."): text for name, text in properties.items()}
    for name, text in files.items():
        (conf / name).write_text(text)
    first_start.make_certificate(data, "mail.example.org")
