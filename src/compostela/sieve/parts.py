"""The message under a script's hands: its header as edited, its tree of MIME parts, and what was put in their place."""

from collections.abc import Iterator
from dataclasses import dataclass

from cachetools import LRUCache

from compostela.mime.scanner import describe
from compostela.mime.structure import Limits as StructureLimits
from compostela.mime.structure import Part
from compostela.sieve.actions import EditedMessage
from compostela.sieve.decoding import content_text
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.header_view import HeaderView
from compostela.sieve.host import SieveMessage
from compostela.sieve.limits import Limits
from compostela.sieve.matching import Values


@dataclass(slots=True)
class Entity:
    """One MIME part. Its content is `source[start:end]`, with the transfer encoding on; nothing is copied until it is asked
    for."""

    part: Part
    header: HeaderView
    source: bytes
    span: tuple[int, int]
    children: tuple["Entity", ...]
    generation: int = 0
    """Of the draft when the tree was built."""
    is_root: bool = False
    replacement: bytes | None = None

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case."""
        return f"{self.part.type.decode('ascii', 'replace')}/{self.part.subtype.decode('ascii', 'replace')}".lower()

    def descendants(self) -> Iterator["Entity"]:
        """All parts below, depth first, each before its children."""
        for child in self.children:
            yield child
            yield from child.descendants()

    def text(self, octets: int) -> str:
        """The content as text, without transfer encoding and charset, from its first `octets` octets."""
        start, end = self.span
        charset = next((value for name, value in self.part.parameters if name == b"charset"), None)
        return content_text(self.source[start : min(end, start + octets)], self.part.encoding, charset)

    def around_parts(self, octets: int) -> str:
        """Prologue and epilogue of a multipart."""
        start, end = self.span
        if self.children:
            first, last = self.children[0].part.header[0], self.children[-1].part.body[1]
        else:
            first = last = end
        prologue, epilogue = (
            self.source[start : min(first, start + octets)],
            self.source[last : min(end, last + octets)],
        )
        return (prologue + epilogue).decode("utf-8", "replace")


_REMEMBERED_KEYS = 4


class Draft:
    """A message that a script reads and edits. `edited` is what actions take along."""

    def __init__(self, message: SieveMessage, limits: Limits) -> None:
        self._message = message
        self._limits = limits
        self._body: bytes | None = None
        self._root: Entity | None = None
        self._replaced: list[Entity] = []
        self._edits = 0
        self._memory: LRUCache[object, Values] = LRUCache(_REMEMBERED_KEYS)
        self._edited: EditedMessage | None = None
        self._generation = 0
        self._copies = 0
        self._rendered_body: bytes | None = None
        self._is_enclosed = False
        self._before_enclosure: EditedMessage | None = None
        self.header = HeaderView(message.header)

    @property
    def root(self) -> Entity:
        """The tree of parts as it was before parts were replaced; the replaced ones know what took their place."""
        if self._root is None:
            limits = StructureLimits(depth=self._limits.part_nesting, parts=self._limits.parts)
            if self._body is None:
                structure = self._message.structure()
            else:
                structure = describe(self.header.block, self._body, limits)
            self._root = _Builder(self.body(), self._limits, self._generation).entity(structure.root, self.header)
            self._root.is_root = True
        return self._root

    def body(self) -> bytes:
        """The body before parts were replaced."""
        return self._message.body() if self._body is None else self._body

    def remembered(self, key: object) -> Values | None:
        return self._memory.get(key)

    def remember(self, key: object, texts: list[str]) -> Values:
        """Keeps values that were taken out of the body, until it is edited: those of the last few keys."""
        found = self._memory[key] = Values(texts)
        return found

    def set_header(self, block: bytes) -> None:
        """Counts as one edit. Raises `ScriptFailure` if there are too many."""
        self._edits += 1
        if self._edits > self._limits.header_edits:
            raise ScriptFailure(f"the script edits the header more than {self._limits.header_edits} times")
        self.header = HeaderView(block)
        if self._root is not None:
            self._root.header = self.header
        self._edited = None
        self._check_size(len(block))

    def replace_all(self, header: bytes, body: bytes) -> None:
        """A new message takes the place of this one."""
        self._check_size(len(header) + len(body))
        self.set_header(header)
        self._body = body
        self._rendered_body = None
        self._root = None
        self._replaced = []
        self._generation += 1
        self._memory.clear()

    def enclose(self, header: bytes, body: bytes) -> None:
        """As `replace_all`, with a message that has this one as an attachment."""
        if not self._is_enclosed:
            self._is_enclosed, self._before_enclosure = True, self.edited()
        self.replace_all(header, body)

    def without_enclosure(self) -> EditedMessage | None:
        """As `edited`, before the first `enclose`: what `redirect` takes along (RFC 5703 §6)."""
        return self._before_enclosure if self._is_enclosed else self.edited()

    def replace_part(self, entity: Entity, octets: bytes) -> None:
        """`octets` are the new part's header block and body. Raises `ScriptFailure` for a part of a message that was replaced."""
        if entity.generation != self._generation:
            raise ScriptFailure("the part is no longer in the message: 'replace' or 'enclose' made a new one")
        self._check_size(len(octets) + sum(len(one.replacement or b"") for one in self._replaced))
        if entity.replacement is None:
            self._replaced.append(entity)
        entity.replacement = octets
        end = octets.find(b"\r\n\r\n") + 4
        entity.header = HeaderView(octets[:end])
        entity.source, entity.span = octets, (end, len(octets))
        structure = describe(entity.header.block, octets[end:])
        entity.part = _with_span(structure.root, entity.part)
        entity.children = ()
        self._edited = self._rendered_body = None
        self._memory.clear()

    def _check_size(self, octets: int) -> None:
        if octets > self._limits.message_octets:
            raise ScriptFailure(f"the edited message is larger than {self._limits.message_octets} octets")

    def edited(self) -> EditedMessage | None:
        """None if nothing differs from the message as received."""
        if self._edited is None and (self._edits or self._replaced):
            if self._rendered_body is None:
                self._rendered_body = self._rendered()
            self._edited = EditedMessage(self.header.block, self._rendered_body)
        return self._edited

    def _rendered(self) -> bytes:
        body = self.body()
        if not self._replaced:
            return body
        self._copies += 1
        if self._copies > self._limits.body_copies:
            raise ScriptFailure(f"the actions want more than {self._limits.body_copies} versions of the body")
        out: list[bytes] = []
        position = 0
        for entity in sorted(self._replaced, key=lambda one: one.part.header[0]):
            start, end = entity.part.header[0], entity.part.body[1]
            if start < position:
                continue  # inside a part that was replaced as a whole
            out += [body[position:start], entity.replacement or b""]
            position = end
        out.append(body[position:])
        return b"".join(out)


def _with_span(new: Part, old: Part) -> Part:
    """The description of the new part at the offsets of the old one."""
    return Part(
        type=new.type, subtype=new.subtype, parameters=new.parameters, encoding=new.encoding, header=old.header,
        body=old.body, lines=new.lines, disposition=new.disposition, disposition_parameters=new.disposition_parameters,
    )  # fmt: skip


class _Builder:
    def __init__(self, body: bytes, limits: Limits, generation: int) -> None:
        self._body = body
        self._generation = generation
        self._limits = limits
        self._parts = 0

    def entity(self, part: Part, header: HeaderView | None = None) -> Entity:
        self._parts += 1
        children: list[Entity] = []
        for child in part.children:
            if self._parts >= self._limits.parts:
                break
            children.append(self.entity(child))
        if header is None:
            header = HeaderView(self._body[slice(*part.header)])
        return Entity(part, header, self._body, part.body, tuple(children), self._generation)
