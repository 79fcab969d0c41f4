"""Elements of settings that are declared on their fields (`compostela.base.declared`), as rows of the reference."""

from compostela.base.declared import Reader, elements
from compostela.net.pop3.settings import Pop3Settings
from tools.reference.recording import Element, Recorder, field_docs, shown


def declared_by(read: Reader[object]) -> Recorder:
    """The elements of a file that is declared as a whole."""
    found = Recorder()
    found.elements.update(rows(read.declared))
    found.not_yet.update(dict.fromkeys(read.not_yet))
    return found


def rows(declared: type, prefix: str = "") -> dict[str, Element]:
    """The elements of a class by their paths."""
    return {
        prefix + one.name: Element(one.kind, shown(one.default), field_docs(one.owner)[one.field])
        for one in elements(declared)
    }


PARTS: dict[str, dict[str, Element]] = {"pop3server.xml": rows(Pop3Settings, "pop3server/")}
"""Declared elements of files whose other elements are still found by running their reader."""
