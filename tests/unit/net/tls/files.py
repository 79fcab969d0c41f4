"""The key stores of tests/data/tls (made by the script that lies beside them)."""

from pathlib import Path

from compostela.base import declared
from compostela.base.settings import Node, Place, Problems, Settings, Severity
from compostela.net.tls.settings import TlsSettings

FOLDER = Path(__file__).parents[3] / "data" / "tls"
SECRET = "changeit"


def resolve(url: str) -> Path:
    return FOLDER / url.removeprefix("file://")


def block(text: str) -> Node:
    """A `tls` block, from XML."""
    from lxml import etree

    def convert(element: "etree._Element") -> Node:
        children = [convert(child) for child in element]
        attributes = {str(name): str(value) for name, value in element.attrib.items()}
        return Node(str(element.tag), Place("smtpserver.xml", 7), (element.text or "").strip(), attributes, children)

    return convert(etree.fromstring(text))


def read(inside: str) -> tuple[TlsSettings, Problems]:
    """A block with STARTTLS and what is given."""
    problems = Problems()
    section = Settings(block(f"<tls startTLS='true'>{inside}</tls>"), problems)
    settings = declared.read(TlsSettings, section)
    section.finish()
    return settings, problems


def errors(problems: Problems) -> list[str]:
    return [one.message for one in problems.of(Severity.ERROR)]


def warnings(problems: Problems) -> list[str]:
    return [one.message for one in problems.of(Severity.WARNING)]
