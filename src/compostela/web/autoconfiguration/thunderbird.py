"""The document `config-v1.1.xml` that Thunderbird began, and K-9, Evolution, KMail and others ask for too."""

from lxml import etree

from compostela.core.autoconfiguration.endpoints import Service, Speaks
from compostela.core.autoconfiguration.setup import PublicSetup

MEDIA_TYPE = "application/xml"


def client_config(setup: PublicSetup, domain: str, *, whole_address: bool) -> bytes:
    """`whole_address`: users log in with the whole address, not with the local part. The client takes the first server that it can
    use, so servers with TLS from the first octet come first."""
    root = etree.Element("clientConfig", version="1.1")
    provider = etree.SubElement(root, "emailProvider", id=domain)
    name = setup.display_name or domain
    for tag, text in (("domain", domain), ("displayName", name), ("displayShortName", name)):
        etree.SubElement(provider, tag).text = text
    user = "%EMAILADDRESS%" if whole_address else "%EMAILLOCALPART%"
    for speaks, tag in ((Speaks.IMAP, "incomingServer"), (Speaks.SMTP, "outgoingServer")):
        for service in setup.services:
            if service.kind.speaks is speaks:
                _server(provider, tag, service, user)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _server(provider: etree._Element, tag: str, service: Service, user: str) -> None:
    server = etree.SubElement(provider, tag, type=service.kind.speaks.value)
    for name, text in (
        ("hostname", service.host),
        ("port", str(service.port)),
        ("socketType", "SSL" if service.kind.implicit else "STARTTLS"),
        # PLAIN or LOGIN, which TLS protects
        ("authentication", "password-cleartext"),
        ("username", user),
    ):
        etree.SubElement(server, name).text = text
