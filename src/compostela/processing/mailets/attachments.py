"""Mailets that take attachments out of messages and put them back."""

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, NamedTuple, Self

from compostela.base.declarations import Boolean, Parsed, Text, Word
from compostela.base.declared import Declared, read
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
from compostela.processing.mailets.substitutions import NO_SUBSTITUTIONS, Substitutions, parse_list
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


@dataclass(frozen=True, slots=True)
class StripAttachmentSettings(Declared):
    """Parameters of `StripAttachment`."""

    pattern: Annotated[re.Pattern[str] | None, Parsed("pattern", compiled, "regular expression")] = None
    """Matches the whole name of an attachment that is chosen."""
    not_pattern: Annotated[re.Pattern[str] | None, Parsed("notpattern", compiled, "regular expression")] = None
    """Matches the whole name of an attachment that is not chosen."""
    media_type: Annotated[str, Text("mimeType")] = ""
    """Attachments of this type are chosen, whatever their names."""
    removed: Annotated[str, Word("remove", ("no", "matched", "all"))] = "no"
    """Which attachments are removed from the message; `matched` are those that are chosen."""
    directory: Annotated[str, Text("directory")] = ""
    """Folder for files with the content of the chosen attachments."""
    attribute: Annotated[str, Text("attribute")] = ""
    """Mail attribute for the chosen attachments: a map of names to parts with their header."""
    decodes_names: Annotated[bool, Boolean("decodeFilename")] = False
    """Whether encoded words in names are decoded."""
    renaming: Annotated[Substitutions, Parsed("replaceFilenamePattern", parse_list, "substitutions")] = NO_SUBSTITUTIONS
    """Changes of names, as `/expression/replacement/flags/`."""

    def completed(self, settings: Settings) -> Self:
        if not any(settings.has(name) for name in ("pattern", "notpattern", "mimeType")):
            settings.error("StripAttachment needs 'pattern', 'notpattern' or 'mimeType'")
        return self


class StripAttachment(Mailet):
    """Saves and removes attachments: those whose whole name matches `pattern` and not `notpattern`, and those of the type `mimeType`."""

    parameters = StripAttachmentSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(StripAttachmentSettings, settings)
        self._type = self._settings.media_type.lower().encode()
        self._directory = self.context.resolve(self._settings.directory) if self._settings.directory else None

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
        return self._settings.removed == "all" or (self._settings.removed == "matched" and found.is_matched)

    async def _keep(self, mail: Mail, matched: list[_Found]) -> None:
        attribute = self._settings.attribute
        if attribute and matched:
            kept = mail.attributes.get(attribute)
            parts = dict(kept) if isinstance(kept, dict) else {}
            mail.attributes[attribute] = {**parts, **{one.name: one.octets for one in matched}}
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
            name = self._settings.renaming.apply(self._name_of(raw))
            found.append(_Found(part, name, is_typed or self._matches(name), body[part.header[0] : part.body[1]]))
        return found

    def _name_of(self, raw: bytes | None) -> str:
        if raw is None:
            return "attachment"
        return decode(raw) if self._settings.decodes_names else raw.decode("utf-8", "replace")

    def _matches(self, name: str) -> bool:
        pattern, not_pattern = self._settings.pattern, self._settings.not_pattern
        if pattern is None and not_pattern is None:
            return False
        wanted = pattern is None or pattern.fullmatch(name) is not None
        return wanted and (not_pattern is None or not_pattern.fullmatch(name) is None)


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


@dataclass(frozen=True, slots=True)
class SavedAttachmentsSettings:
    """Parameters of the mailets that use what `StripAttachment` saved."""

    attribute: Annotated[str, Text("attribute")]
    """The mail attribute with the map."""


class RecoverAttachment(Mailet):
    """Puts the parts in the map `attribute`, as `StripAttachment` saves them, back at the end of the message."""

    parameters = SavedAttachmentsSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = read(SavedAttachmentsSettings, settings).attribute

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

    parameters = SavedAttachmentsSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = read(SavedAttachmentsSettings, settings).attribute

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        kept = mail.attributes.get(self._attribute)
        if isinstance(kept, dict):
            mail.attributes[self._attribute] = {
                name: _decoded(part) if isinstance(part, bytes) else part for name, part in kept.items()
            }


def _decoded(octets: bytes) -> bytes:
    end = header_end(octets)
    return decoded_octets(octets[end:], describe(octets[:end], octets[end:]).root.encoding)
