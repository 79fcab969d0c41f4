"""Outlook's autodiscover: the XML request and answer of [MS-OXDSCLI], and the JSON that leads to it."""

from lxml import etree

from compostela.core.autoconfiguration.endpoints import Service, Speaks
from compostela.core.autoconfiguration.setup import PublicSetup

MEDIA_TYPE = "application/xml"
XML_PATH = "/autodiscover/autodiscover.xml"
MAX_REQUEST_BYTES = 16 * 1024
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
OUTLOOK_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
INVALID_REQUEST = 600
UNKNOWN_ADDRESS = 500


class BadRequest(Exception):
    """Not a request for a mail account."""


def requested_address(body: bytes) -> str:
    """The address in a request. There are no DTDs in them: one with a DTD, where entities could be defined, is refused before
    it is parsed; so is whatever is not UTF-8. Raises `BadRequest`."""
    if b"\0" in body or b"<!" in body.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        raise BadRequest("a document type is not allowed")
    # the encoding is ours to say: a declared one could hide from the look above
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadRequest("not well-formed XML") from error
    for element in root.iter():
        if isinstance(element.tag, str) and etree.QName(element).localname == "EMailAddress":
            return (element.text or "").strip()
    raise BadRequest("no EMailAddress")


def settings_document(setup: PublicSetup, address: str, *, whole_address: bool) -> bytes:
    """IMAP and SMTP, one of each, as Outlook reads them."""
    root = etree.fromstring(f'<Autodiscover xmlns="{RESPONSE}"><Response xmlns="{OUTLOOK_RESPONSE}"/></Autodiscover>')
    response = root[0]
    _add(_add(response, "User"), "DisplayName", setup.display_name or address)
    account = _add(response, "Account")
    _add(account, "AccountType", "email")
    _add(account, "Action", "settings")
    login = address if whole_address else address.rpartition("@")[0]
    for speaks in (Speaks.IMAP, Speaks.SMTP):
        service = next((one for one in setup.services if one.kind.speaks is speaks), None)
        if service is not None:
            _protocol(account, service, login)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _protocol(account: etree._Element, service: Service, login: str) -> None:
    protocol = _add(account, "Protocol")
    speaks = service.kind.speaks
    for name, text in (
        ("Type", speaks.value.upper()),
        ("Server", service.host),
        ("Port", str(service.port)),
        ("DomainRequired", "off"),
        ("LoginName", login),
        ("SPA", "off"),
        ("SSL", "on"),
        ("Encryption", "SSL" if service.kind.implicit else "TLS"),
        ("AuthRequired", "on"),
    ):
        _add(protocol, name, text)
    if speaks is Speaks.SMTP:
        _add(protocol, "UsePOPAuth", "off")
        _add(protocol, "SMTPLast", "off")


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{OUTLOOK_RESPONSE}}}{name}")
    element.text = text
    return element


def error_document(code: int, message: str, time: str) -> bytes:
    """`time` is of the day, as the format wants it."""
    root = etree.fromstring(f'<Autodiscover xmlns="{RESPONSE}"><Response/></Autodiscover>')
    error = etree.SubElement(root[0], f"{{{RESPONSE}}}Error", Time=time, Id="0")
    for name, text in (("ErrorCode", str(code)), ("Message", message), ("DebugData", "")):
        etree.SubElement(error, f"{{{RESPONSE}}}{name}").text = text
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)
