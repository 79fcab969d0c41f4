"""Elements of settings that are declared on their fields (`compostela.base.declared`), as rows of the reference."""

from collections.abc import Mapping

from compostela.base.declared import elements, not_yet, without_effect
from compostela.net.pop3.settings import Pop3Settings
from tools.reference.recording import Element, Recorder, field_docs, shown

Parts = Mapping[str, type]
"""The settings classes of a file by the paths of the elements that hold them."""


def declared_by(parts: Parts) -> Recorder:
    """The elements of a file."""
    found = Recorder()
    for prefix, declared in parts.items():
        for one in elements(declared, prefix=prefix):
            text = f"As `{one.preferred}`." if one.preferred else field_docs(one.owner).get(one.field, "")
            found.elements[one.name] = Element(one.kind, shown(one.default), text)
        found.not_yet.update(dict.fromkeys(not_yet(declared, prefix)))
        found.ignored.update(dict.fromkeys(without_effect(declared, prefix)))
    for name in found.not_yet:
        found.elements.pop(name, None)
    found.is_in_effect = bool(found.elements)
    return found


PARTS: dict[str, Parts] = {"pop3server.xml": {"pop3server/": Pop3Settings}}
"""Declared elements of files whose other elements are still found by running their reader."""
