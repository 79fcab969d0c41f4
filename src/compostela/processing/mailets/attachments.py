"""Mailets that take attachments out of messages and put them back."""

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple

from compostela.base.expressions import compiled
from compostela.base.settings import Settings
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import Mail
from compostela.mime.editing import Change, as_mixed, changed, editable
from compostela.mime.encoded_words import decode
from compostela.mime.headers import header_end
from compostela.mime.parameters import get
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import decoded_octets
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.substitutions import Substitutions, parse_list
from compostela.processing.mailets.texts import edit
from compostela.processing.pipeline_run import PipelineRun

_PREFIX = "org.apache.james.mailet.standard.mailets.StripAttachment"
REMOVED, SAVED = f"{_PREFIX}.removed", f"{_PREFIX}.saved"
_UNSAFE = re.compile(r"[^\w.@+-]+")
MAX_FILE_NAME = 100


class _Found(NamedTuple):
    part: Part
    name: str
    is_matched: bool
    octets: bytes
    """The part as it is sent, with its header."""


class StripAttachment(Mailet):
    """Saves and removes attachments: those whose whole name matches `pattern` and not `notpattern`, and those of the type `mimeType`.
    They are saved to files in `directory` and as parts, with their header, in the map `attribute`. `remove` is `no`, `matched` or
    `all`. `decodeFilename` decodes encoded words in names; `replaceFilenamePattern` (`/expression/replacement/flags/`) changes names."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._pattern = settings.parsed("pattern", None, compiled)
        self._not_pattern = settings.parsed("notpattern", None, compiled)
        self._type = settings.text("mimeType", "").lower().encode()
        if not any(settings.has(name) for name in ("pattern", "notpattern", "mimeType")):
            settings.error("StripAttachment needs 'pattern', 'notpattern' or 'mimeType'")
        self._remove = settings.text("remove", "no").lower()
        if self._remove not in ("no", "matched", "all"):
            settings.error(f"{self._remove!r} is none of no, matched, all", "remove")
        directory = settings.text("directory", "")
        self._directory = self.context.resolve(directory) if directory else None
        self._attribute = settings.text("attribute", "")
        self._decode = settings.boolean("decodeFilename", False)
        self._renaming = settings.parsed("replaceFilenamePattern", Substitutions(), parse_list)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        found: list[_Found] = []

        def look(header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
            found.extend(self._named(header, body))
            gone = [one for one in found if self._is_removed(one)]
            return changed(header, body, [Change(one.part, None, None) for one in gone]) if gone else None

        original = mail.content
        await edit(mail, look)
        try:
            await self._keep(mail, [one for one in found if one.is_matched])
        except OSError:
            mail.content = original
            raise
        _extend(mail, REMOVED, [one.name for one in found if self._is_removed(one)])

    def _is_removed(self, found: _Found) -> bool:
        return self._remove == "all" or (self._remove == "matched" and found.is_matched)

    async def _keep(self, mail: Mail, matched: list[_Found]) -> None:
        if self._attribute and matched:
            kept = mail.attributes.get(self._attribute)
            parts = dict(kept) if isinstance(kept, dict) else {}
            mail.attributes[self._attribute] = {**parts, **{one.name: one.octets for one in matched}}
        if self._directory is not None:
            saved = [await asyncio.to_thread(_save, self._directory, one.name, _content(one)) for one in matched]
            _extend(mail, SAVED, saved)

    def _named(self, header: bytes, body: bytes) -> list[_Found]:
        root = describe(header, body).root
        if not root.is_multipart:
            return []
        found = []
        for part in editable(root):
            raw = get(part.disposition_parameters, b"filename") or get(part.parameters, b"name")
            is_typed = bool(self._type) and part.type + b"/" + part.subtype == self._type
            if raw is None and not is_typed:
                continue
            name = self._renaming.apply(self._name_of(raw))
            found.append(_Found(part, name, is_typed or self._matches(name), body[part.header[0] : part.body[1]]))
        return found

    def _name_of(self, raw: bytes | None) -> str:
        if raw is None:
            return "attachment"
        return decode(raw) if self._decode else raw.decode("utf-8", "replace")

    def _matches(self, name: str) -> bool:
        if self._pattern is None and self._not_pattern is None:
            return False
        wanted = self._pattern is None or self._pattern.fullmatch(name) is not None
        return wanted and (self._not_pattern is None or self._not_pattern.fullmatch(name) is None)


def _extend(mail: Mail, attribute: str, values: Sequence[AttributeValue]) -> None:
    if values:
        known = mail.attributes.get(attribute)
        mail.attributes[attribute] = [*(known if isinstance(known, list) else []), *values]


def _content(found: _Found) -> bytes:
    return decoded_octets(found.octets[found.part.header[1] - found.part.header[0] :], found.part.encoding)


def _save(directory: Path, name: str, data: bytes) -> str:
    """Writes a new file whose name resembles this one; the sender's choice of a name never leads elsewhere."""
    directory.mkdir(parents=True, exist_ok=True)
    stem, dot, suffix = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (suffix or "attachment", ".bin")
    descriptor, path = mkstemp(suffix[:MAX_FILE_NAME], f"{stem[:MAX_FILE_NAME]:_<3}", directory)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return Path(path).name


class RecoverAttachment(Mailet):
    """Puts the parts in the map `attribute`, as `StripAttachment` saves them, back at the end of the message."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = settings.required("attribute")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        kept = mail.attributes.get(self._attribute)
        parts = [one for one in kept.values() if isinstance(one, bytes)] if isinstance(kept, dict) else []
        if parts:
            await edit(mail, lambda header, body: with_parts(header, body, parts))


def with_parts(header: bytes, body: bytes, parts: list[bytes]) -> tuple[bytes, bytes]:
    """The message as multipart/mixed with these parts, which have headers of their own, at its end."""
    root = describe(header, body).root
    boundary = get(root.parameters, b"boundary") if (root.type, root.subtype) == (b"multipart", b"mixed") else None
    if not boundary:
        return with_parts(*as_mixed(header, body), parts)
    end = body.rfind(b"--" + boundary + b"--")
    before = body[: end if end >= 0 else len(body)]
    if not before.endswith(b"\n"):
        before += b"\r\n"
    added = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return header, before + added + b"--" + boundary + b"--\r\n"


class MimeDecodingMailet(Mailet):
    """Replaces the parts in the map `attribute`, as `StripAttachment` saves them, with their decoded content."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = settings.required("attribute")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        kept = mail.attributes.get(self._attribute)
        if isinstance(kept, dict):
            mail.attributes[self._attribute] = {
                name: _decoded(part) if isinstance(part, bytes) else part for name, part in kept.items()
            }


def _decoded(octets: bytes) -> bytes:
    end = header_end(octets)
    return decoded_octets(octets[end:], describe(octets[:end], octets[end:]).root.encoding)
