"""XML and properties files as settings nodes (`compostela.base.settings`).

XML is read without entities, DTD and network. Properties are those of commons-configuration: `key = value`, comments with
`#` and `!`, continued lines, repeated keys. In both `${env:NAME}`, `${env:NAME:-default}` and `${sys:NAME}` are replaced by
environment variables. A `.conf` file is HOCON, see `hocon`.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from compostela.app.configuration.hocon import HoconError, parse_hocon
from compostela.base.settings import Node, Place, Problems

MAX_FILE_BYTES = 10 * 1024 * 1024
_VARIABLE = re.compile(r"\$\{(env|sys):([A-Za-z0-9_.]+)(?::-([^}]*))?\}")
_PROPERTY = re.compile(r"\s*((?:\\.|[^\\=:\s])+)\s*[=: ]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Reader:
    """Reads files, with every complaint in `problems`."""

    def __init__(self, problems: Problems, environment: Mapping[str, str] | None = None) -> None:
        self._problems = problems
        self._environment = os.environ if environment is None else environment

    def read(self, path: Path) -> Node | None:
        """The root of a file; None after a complaint."""
        try:
            data = path.read_bytes()
        except OSError as error:
            self._problems.error(Place(path.name), f"cannot be read: {error.strerror}")
            return None
        if len(data) > MAX_FILE_BYTES:
            self._problems.error(Place(path.name), "is too large for a configuration file")
            return None
        return self.parse(path.name, data)

    def parse(self, name: str, data: bytes) -> Node | None:
        """By the ending of the name."""
        if name.endswith(".xml"):
            return self._xml(name, data)
        return self._hocon(name, data) if name.endswith(".conf") else self._properties(name, data)

    def _hocon(self, name: str, data: bytes) -> Node | None:
        try:
            return parse_hocon(name, data.decode(), self._environment)
        except UnicodeDecodeError:
            self._problems.error(Place(name), "is not UTF-8")
        except HoconError as error:
            self._problems.error(Place(name, error.line), str(error))
        return None

    def _xml(self, name: str, data: bytes) -> Node | None:
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, remove_comments=True,
            remove_pis=True, huge_tree=False,
        )  # fmt: skip
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError as error:
            line = error.lineno or 0
            self._problems.error(Place(name, line), f"is not well-formed XML: {error.msg}")
            return None
        except ValueError as error:
            self._problems.error(Place(name), f"is not XML: {error}")
            return None
        return self._element(name, root)

    def _element(self, name: str, element: etree._Element) -> Node:
        place = Place(name, _line_of(element))
        for child in element:
            if isinstance(child, etree._Entity):
                text = f"the entity {child.text} is not supported: write its text, or ${{env:NAME}}"
                self._problems.error(place, text)
        texts = [element.text or "", *((child.tail or "") for child in element)]
        node = Node(
            str(element.tag),
            place,
            self._interpolated("".join(texts).strip(), place),
            {str(key): self._interpolated(str(value), place) for key, value in element.attrib.items()},
        )
        node.children = [self._element(name, child) for child in element if isinstance(child.tag, str)]
        return node

    def _properties(self, name: str, data: bytes) -> Node | None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        root = Node(name, Place(name))
        for number, line in _logical_lines(text):
            match = _PROPERTY.fullmatch(line)
            if match is None:
                self._problems.error(Place(name, number), f"{line.strip()!r} is not 'key = value'")
                continue
            place = Place(name, number)
            value = self._interpolated(_unescaped(match.group(2).strip()), place)
            root.children.append(Node(_unescaped(match.group(1)), place, value))
        return root

    def _interpolated(self, text: str, place: Place) -> str:
        if "${" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            name, default = match.group(2), match.group(3)
            found = self._environment.get(name)
            if found is None:
                if default is None:
                    self._problems.error(place, f"the environment variable {name} is not set")
                return default or ""
            return found

        return _VARIABLE.sub(value, text)


def _line_of(element: etree._Element) -> int:
    line: object = element.sourceline
    return line if isinstance(line, int) else 0


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """(number of its first line, line) without comments and empty lines, continued lines joined."""
    found: list[tuple[int, str]] = []
    held, first = "", 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if not held:
            if not line.strip() or line.lstrip()[0] in "#!":
                continue
            first = number
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            held += line[:-1].lstrip() if held else line[:-1]
            continue
        found.append((first, held + (line.lstrip() if held else line)))
        held = ""
    if held:
        found.append((first, held))
    return found


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text

    def character(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code, code)

    # Java writes what lies beyond U+FFFF as two escapes; half of such a pair is no character
    return _ESCAPE.sub(character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
