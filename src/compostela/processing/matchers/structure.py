"""Matchers on the MIME structure: types, parameters, attachments, S/MIME. All of them match the mail as a whole."""

import io
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

from compostela.base.errors import InvalidArgument
from compostela.core.blob.model import Octets
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.parameters import get
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import decoded_octets
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, given, some

MAX_ZIP_BYTES = 64 * 1024 * 1024
"""Larger archives are not looked into."""
MAX_ZIP_ENTRIES = 10_000
_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})


async def root_of(mail: Mail) -> Part:
    """The MIME structure of the message."""
    header = mail.content.header
    return await mail.content.body.apply(lambda body: describe(header, body).root)


def media_type(part: Part) -> str:
    """`type/subtype` in lower case."""
    return f"{part.type.decode('ascii', 'replace')}/{part.subtype.decode('ascii', 'replace')}".lower()


def parts_of(root: Part) -> Iterator[Part]:
    """The part and all parts inside, in order, also those of messages inside."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed(part.children)


def file_name(part: Part) -> str | None:
    """The decoded name of an attachment, from Content-Disposition or else Content-Type."""
    name = get(part.disposition_parameters, b"filename") or get(part.parameters, b"name")
    return None if name is None else decode(name)


def is_attachment(part: Part) -> bool:
    return (part.disposition or b"").lower() == b"attachment"


class HasAttachment(Matcher):
    """A part of the message is an attachment."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, any(map(is_attachment, parts_of(await root_of(mail)))))


class _Types(ConditionMatcher[frozenset[str]]):
    def parse(self, condition: str) -> frozenset[str]:
        types = frozenset(one.lower() for one in some(condition))
        for one in types:
            if one.count("/") != 1:
                raise InvalidArgument(f"{one!r} is not a media type such as text/plain")
        return types


class HasMimeType(_Types):
    """The message has one of these media types."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, media_type(await root_of(mail)) in self.wanted)


class HasMimeTypeAnySubPart(_Types):
    """The message or one of its parts has one of these media types."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, any(media_type(part) in self.wanted for part in parts_of(await root_of(mail))))


class PartHasContentType(_Types):
    """A part directly inside the multipart message has this media type."""

    async def match(self, mail: Mail) -> Recipients:
        root = await root_of(mail)
        return whole(mail, root.is_multipart and any(media_type(part) in self.wanted for part in root.children))


class HasMimeTypeParameter(ConditionMatcher[list[tuple[bytes, str]]]):
    """`parameter=value,…`: the message's Content-Type has one of these parameters with this value."""

    def parse(self, condition: str) -> list[tuple[bytes, str]]:
        found = []
        for one in given(condition).split(","):
            name, equals, value = one.strip().partition("=")
            if not equals or not name:
                raise InvalidArgument(f"{one!r} is not 'parameter=value'")
            found.append((name.strip().lower().encode(), value.strip().strip('"').lower()))
        return found

    async def match(self, mail: Mail) -> Recipients:
        parameters = (await root_of(mail)).parameters
        return whole(
            mail,
            any(
                (value := get(parameters, name)) is not None and value.decode("utf-8", "replace").lower() == wanted
                for name, wanted in self.wanted
            ),
        )


def is_smime_encrypted(root: Part) -> bool:
    """Whether a message with this structure is encrypted with S/MIME (RFC 8551 §3.3)."""
    return media_type(root) in _ENVELOPES and not _is_signed_data(root)


def is_smime_signed(root: Part) -> bool:
    """Whether a message with this structure is signed with S/MIME, in either form (RFC 8551 §3.5)."""
    kind = media_type(root)
    if kind == "multipart/signed":
        protocol = (get(root.parameters, b"protocol") or b"").decode("ascii", "replace").lower()
        return protocol in _SIGNATURES or any(media_type(one) in _SIGNATURES for one in root.children)
    return kind in _SIGNATURES or (kind in _ENVELOPES and _is_signed_data(root))


class IsSMIMEEncrypted(Matcher):
    """The message is encrypted with S/MIME (RFC 8551 §3.3)."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, is_smime_encrypted(await root_of(mail)))


class IsSMIMESigned(Matcher):
    """The message is signed with S/MIME, in either form (RFC 8551 §3.5)."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, is_smime_signed(await root_of(mail)))


def _is_signed_data(part: Part) -> bool:
    return (get(part.parameters, b"smime-type") or b"").lower() == b"signed-data"


class _Masks(NamedTuple):
    masks: list[str]
    in_archives: bool

    def fit(self, name: str) -> bool:
        lower = name.strip().lower()
        return any(lower.endswith(mask[1:]) if mask.startswith("*") else lower == mask for mask in self.masks)


class AttachmentFileNameIs(ConditionMatcher[_Masks]):
    """`[-d] [-z] mask,…`: an attachment has one of these names, in any case; `*.exe` is every name with this end. With `-z`
    also names in ZIP archives count; `-d` has no effect."""

    def parse(self, condition: str) -> _Masks:
        words = some(condition)
        masks = [word.lower() for word in words if word not in ("-d", "-z")]
        if not masks:
            raise InvalidArgument("a file name mask is needed")
        return _Masks(masks, "-z" in words)

    async def match(self, mail: Mail) -> Recipients:
        header, wanted = mail.content.header, self.wanted
        return whole(mail, await mail.content.body.apply(lambda body: _has_name(header, body, wanted)))


def _has_name(header: bytes, body: Octets, wanted: _Masks) -> bool:
    for part in parts_of(describe(header, body).root):
        name = file_name(part)
        if name is None:
            continue
        if wanted.fit(name):
            return True
        if wanted.in_archives and name.lower().endswith(".zip") and part.octets <= MAX_ZIP_BYTES:
            names = _names_in_archive(decoded_octets(body[part.body[0] : part.body[1]], part.encoding))
            if any(map(wanted.fit, names)):
                return True
    return False


def _names_in_archive(data: bytes) -> list[str]:
    """The base names of the first entries; none for what is no archive. Nothing is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.namelist()[:MAX_ZIP_ENTRIES]
    # the library raises NotImplementedError for an archive of a version or compression that it does not know
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return []
    return [name.rstrip("/").rpartition("/")[2] for name in entries]
