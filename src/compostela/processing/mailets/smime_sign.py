"""Mailets that sign messages for their senders with a key of the server (RFC 8551 §3.5.3)."""

import asyncio
import base64
import logging
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from compostela.base.declarations import Boolean, Text
from compostela.base.declared import read
from compostela.base.ids import new_id
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import SMTP_AUTH_USER
from compostela.core.mail.model import Mail
from compostela.mime import addresses, headers
from compostela.mime.conversion import CannotConvert, converted, fits_seven_bit
from compostela.mime.editing import content_type, with_text, without_mime_fields
from compostela.mime.structure import Part
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.attachments import with_parts
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.mailets.smime_stores import KeySettings, address_of, name_of, read_key
from compostela.processing.matchers.structure import is_smime_encrypted, is_smime_signed, root_of
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

KEY_HOLDER = "SMIMEKeyHolder"
EXPLANATION = """\
This message was signed on the server by [signerName] <[signerAddress]>
for its sender, [reversePath], who had logged in.
The signature shows that nobody has changed the message since.

The header of the message as it was given to the server:

[headers]
"""


@dataclass(frozen=True, slots=True)
class SMIMESignSettings(KeySettings):
    """Parameters of `SMIMESign`."""

    WITHOUT_EFFECT: ClassVar[tuple[str, ...]] = ("debug", "keyHolderClass")

    postmaster_signs: Annotated[bool, Boolean("postmasterSigns")] = True
    """Whether mail of the postmaster is signed."""
    rebuilds_from: Annotated[bool, Boolean("rebuildFrom")] = True
    """Whether From becomes the address of the certificate."""
    signer_name: Annotated[str, Text("signerName")] = ""
    """Name of the signer in `explanationText`, by default that in the certificate."""
    explanation: Annotated[str, Text("explanationText")] = EXPLANATION
    """Text that is attached; none if it is empty."""


@dataclass(frozen=True, slots=True)
class SignSettings(SMIMESignSettings):
    """Parameters of `Sign`."""

    WITHOUT_EFFECT = ("debug",)

    key_holder: Annotated[str, Text("keyHolderClass", required=True)] = ""
    """`org.apache.james.security.SMIMEKeyHolder`."""

    def completed(self, settings: Settings) -> Self:
        if self.key_holder and self.key_holder.rpartition(".")[2] != KEY_HOLDER:
            settings.error(f"only {KEY_HOLDER} is supported", "keyHolderClass")
        return self


class SMIMESign(Mailet):
    """Signs the message with the key of `keyStoreFileName` (JKS, PKCS #12 or PEM; the password is `keyStorePassword`) whose name is
    `keyAlias`, which may be left out if there is one key; `keyAliasPassword` is the password of the key if it is another. RSA and
    EC keys sign with SHA-256. Only mail of authenticated senders is signed: its envelope sender is the user's address and the only
    one in From, or it is the postmaster's and `postmasterSigns` is true; a message that is signed or encrypted stays as it is. With
    `rebuildFrom` From becomes the address of the certificate, with the sender's as its name, and Reply-To the former From if there
    was none. The text file
    `explanationText`, none if it is empty, is attached; `[signerName]` (the parameter `signerName`, or else the name in the certificate),
    `[signerAddress]`, `[reversePath]` and `[headers]` are replaced in it. What changes the message afterwards breaks the signature."""

    parameters: ClassVar[type[SMIMESignSettings]] = SMIMESignSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        super().__init__(settings, context)
        self._settings = made = read(self.parameters, settings)
        entry = read_key(made, settings, context)
        if entry is None:
            return
        if not isinstance(entry.key, RSAPrivateKey | EllipticCurvePrivateKey):
            settings.error("only RSA and EC keys can sign", "keyStoreFileName")
            return
        self._key, self._chain = entry.key, entry.chain
        self._address, self._name = address_of(entry.chain[0]), made.signer_name or name_of(entry.chain[0])
        if made.rebuilds_from and not self._address:
            settings.error("'rebuildFrom' needs a certificate with a mail address", "rebuildFrom")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        sender = mail.sender
        if sender is None or not await self._signs_for(mail, sender):
            return
        root = await root_of(mail)
        if is_smime_signed(root) or is_smime_encrypted(root) or root.subtype == b"signed":
            _log.info("a mail is signed or encrypted already", extra={"mail": mail.name})
            return
        header, body = mail.content.header, await mail.content.body.read()
        explanation = self._explained(sender, header)
        mail.content = await asyncio.to_thread(self._signed, header, body, explanation)
        if self._settings.rebuilds_from and self._address.lower() != str(sender).lower():
            former = headers.Headers(header).get(b"From")
            if former is not None and b"reply-to" not in headers.Headers(header):
                line = b"Reply-To: " + former
                mail.content = mail.content.with_header(headers.add_last(mail.content.header, line))
            quoted = str(sender).replace("\\", "\\\\").replace('"', '\\"')
            replace_field(mail, "From", f'"{quoted}" <{self._address}>')

    async def _signs_for(self, mail: Mail, sender: MailAddress) -> bool:
        login = mail.attributes.get(SMTP_AUTH_USER)
        if not isinstance(login, str) or not login:
            return False
        if sender == self.context.postmaster:
            return self._settings.postmaster_signs
        user = await self.context.users.user_for(sender)
        if user is None or str(user).lower() != login.lower():
            return False
        value = headers.Headers(mail.content.header).get_all(b"From")
        found = [one.text().lower() for one in addresses.parse(value[0]) if one.is_mailbox] if len(value) == 1 else []
        return found == [str(sender).lower()]

    def _explained(self, sender: MailAddress, header: bytes) -> str:
        values = {
            "[signerName]": self._name,
            "[signerAddress]": self._address,
            "[reversePath]": str(sender),
            "[headers]": header.decode("utf-8", "replace").strip(),
        }
        text = self._settings.explanation
        # the header last: macros in its text are not replaced
        for macro, value in values.items():
            text = text.replace(macro, value)
        return text

    def _signed(self, header: bytes, body: bytes, explanation: str) -> MessageContent:
        outer, entity = without_mime_fields(header), _entity(header, body, explanation)
        boundary = b"=_" + new_id().encode()
        kind = content_type(
            b"multipart/signed",
            ((b"protocol", b"application/pkcs7-signature"),),
            micalg=b"sha-256",
            boundary=boundary,
        )
        made = headers.add_last(outer, b"MIME-Version: 1.0", b"Content-Type: " + kind)
        signature = base64.encodebytes(self._signature(entity)).replace(b"\n", b"\r\n")
        return MessageContent(
            made, MemoryBody(_SIGNED % (boundary, entity, boundary, signature.removesuffix(b"\r\n"), boundary))
        )

    def _signature(self, entity: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding
        from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

        builder = PKCS7SignatureBuilder().set_data(entity).add_signer(self._chain[0], self._key, SHA256())
        for one in self._chain[1:]:
            builder = builder.add_certificate(one)
        return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])


_SIGNED = (
    b"--%b\r\n%b\r\n--%b\r\n"
    b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
    b"Content-Transfer-Encoding: base64\r\n"
    b'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n%b\r\n--%b--\r\n'
)


def _entity(header: bytes, body: bytes, explanation: str) -> bytes:
    """What is signed: the content in 7 bit (RFC 8551 §3.1.3) under its own header, and the explanation beside it."""
    if explanation:
        part = Part(b"text", b"plain", (), b"7bit", (0, 0), (0, 0), 0)
        made = with_text(
            part, b'Content-Disposition: attachment; filename="SignatureExplanation.txt"\r\n\r\n', explanation
        )
        header, body = with_parts(header, body, [(made.header or b"") + (made.body or b"")])
    try:
        header, body = converted(header, body, fits_seven_bit)
    except CannotConvert:
        pass  # octets that may not be changed are signed as they are
    return headers.remove_where(header, lambda name: not name.lower().startswith(b"content-")) + body


class Sign(SMIMESign):
    """The same as `SMIMESign`, under the name that needs `keyHolderClass`: `org.apache.james.security.SMIMEKeyHolder`."""

    parameters = SignSettings
