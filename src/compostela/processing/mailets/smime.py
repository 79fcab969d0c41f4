"""Mailets that look into messages with S/MIME (RFC 8551): whether a signature holds, what an encrypted message says."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Self

from compostela.base.declarations import Boolean, Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.core.smime.cms import CmsError
from compostela.core.smime.enveloped import decrypt
from compostela.core.smime.signed import Signed, verify
from compostela.mime import headers
from compostela.mime.editing import without_mime_fields
from compostela.mime.structure import Part
from compostela.mime.text import decoded_octets
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.mailets.smime_stores import KeySettings, TrustSettings, read_key, read_trusted
from compostela.processing.matchers.structure import is_smime_encrypted, is_smime_signed, root_of
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

STATUS = "X-SMIME-Status"


class _Checked(NamedTuple):
    signed: Signed | None
    """None if the signature is damaged."""
    content: bytes
    """The entity inside, with its header."""


@dataclass(frozen=True, slots=True)
class SMIMECheckSignatureSettings(TrustSettings):
    """Parameters of `SMIMECheckSignature`."""

    strips: Annotated[bool, Boolean("strip")] = False
    """Whether the message becomes the content that was signed."""
    only_trusted: Annotated[bool, Boolean("onlyTrusted")] = True
    """Whether a signature counts only if a certificate of the file vouches for the signer's."""
    attribute: Annotated[str, Text("mailAttribute")] = "org.apache.james.SMIMECheckSignature"
    """Mail attribute for the certificates of the signers whose signature counts."""

    def completed(self, settings: Settings) -> Self:
        TrustSettings.completed(self, settings)
        if self.only_trusted and not settings.has("keyStoreFileName") and not settings.has("pemFileName"):
            settings.error(
                "SMIMECheckSignature needs 'keyStoreFileName' or 'pemFileName' unless 'onlyTrusted' is false"
            )
        return self


class SMIMECheckSignature(Mailet):
    """Verifies the signatures of a message with S/MIME and notes the certificates of the signers whose signature counts, in DER, in the
    list `mailAttribute` (`org.apache.james.SMIMECheckSignature`), which is absent if there is none. The field `X-SMIME-Status` tells
    `Good signature` if the signature of each signer counts, else `Bad signature`; one that an unsigned message had is removed. A
    signature counts if it is valid and, unless `onlyTrusted` is false, a certificate of `keyStoreFileName` (JKS, PKCS #12, PEM or DER; the
    password is `keyStorePassword`) or `pemFileName` vouches for the signer's, by now in its time and made for mail. Signatures with
    MD5 or SHA-1 are bad; revocation is not looked at. With `strip` the message becomes the content that was signed."""

    parameters = SMIMECheckSignatureSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(SMIMECheckSignatureSettings, settings)
        self._trusted = read_trusted(made, settings, context)
        self._strips, self._only_trusted, self._attribute = made.strips, made.only_trusted, made.attribute

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes.pop(self._attribute, None)
        mail.content = mail.content.with_header(headers.remove(mail.content.header, [STATUS.encode()]))
        root = await root_of(mail)
        if not is_smime_signed(root):
            return
        header, body = mail.content.header, await mail.content.body.read()
        checked = await asyncio.to_thread(_check, root, body, self._trusted, self.context.clock.now())
        signers = () if checked.signed is None else checked.signed.signers
        good = [one for one in signers if one.is_valid and (one.is_trusted or not self._only_trusted)]
        if good:
            mail.attributes[self._attribute] = [one.certificate for one in good]
        if self._strips and checked.content:
            mail.content = _unwrapped(header, checked.content)
        replace_field(mail, STATUS, "Good signature" if good and len(good) == len(signers) else "Bad signature")


def _check(root: Part, body: bytes, trusted: Sequence[bytes], now: float) -> _Checked:
    detached = None
    if root.is_multipart:
        if len(root.children) != 2:
            return _Checked(None, b"")
        entity, signature = root.children
        detached = body[entity.header[0] : entity.body[1]]
        octets = _decoded(signature, body)
    else:
        octets = _decoded(root, body)
    try:
        signed = verify(octets, detached, trusted, now)
    except CmsError as error:
        _log.info("a signature cannot be verified", extra={"error": str(error)})
        return _Checked(None, detached or b"")
    return _Checked(signed, signed.content)


def _decoded(part: Part, body: bytes) -> bytes:
    return decoded_octets(body[slice(*part.body)], part.encoding)


def _unwrapped(header: bytes, entity: bytes) -> MessageContent:
    """The message with an entity, which has a header of its own, in place of its content (RFC 8551 §3.1)."""
    end = headers.header_end(entity)
    fields = [(one.name.lower(), entity[one.start : one.end].rstrip(b"\r\n")) for one in headers.fields(entity[:end])]
    kept = [line for name, line in fields if name.startswith(b"content-")]
    outer = headers.add_last(without_mime_fields(header), b"MIME-Version: 1.0", *kept)
    return MessageContent(outer, MemoryBody(entity[end:]))


@dataclass(frozen=True, slots=True)
class SMIMEDecryptSettings(KeySettings):
    """Parameters of `SMIMEDecrypt`."""

    attribute: Annotated[str, Text("mailAttribute")] = "org.apache.james.SMIMEDecrypt"
    """Mail attribute for the certificate of the key."""


class SMIMEDecrypt(Mailet):
    """Decrypts a message with S/MIME with the key of `keyStoreFileName` (JKS, PKCS #12 or PEM; the password is `keyStorePassword`) whose name
    is `keyAlias`, which may be left out if there is one key; `keyAliasPassword` is the password of the key if it is another. The
    message becomes what was encrypted, and the certificate, in DER, is noted in `mailAttribute`
    (`org.apache.james.SMIMEDecrypt`). A message that was encrypted for other keys, or cannot be decrypted, stays as it is. RSA keys
    (PKCS #1 1.5, OAEP) with AES (CBC, GCM) and Triple DES are supported."""

    parameters = SMIMEDecryptSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        super().__init__(settings, context)
        made = read(SMIMEDecryptSettings, settings)
        self._attribute = made.attribute
        entry = read_key(made, settings, context)
        if entry is None:
            return
        if not isinstance(entry.key, RSAPrivateKey):
            settings.error("SMIMEDecrypt needs an RSA key", "keyStoreFileName")
            return
        self._key, self._certificate = entry.key, entry.chain[0]

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        root = await root_of(mail)
        if not is_smime_encrypted(root):
            return
        header, body = mail.content.header, await mail.content.body.read()
        try:
            entity = await asyncio.to_thread(decrypt, _decoded(root, body), self._key, self._certificate)
        except CmsError as error:
            _log.info("a mail cannot be decrypted", extra={"mail": mail.name, "error": str(error)})
            return
        mail.attributes[self._attribute] = self._certificate.public_bytes(Encoding.DER)
        mail.content = _unwrapped(header, entity)
