"""Mailets that sign with DKIM and look at signatures (RFC 6376)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from compostela.base.declarations import Parsed, Text
from compostela.base.declared import Declared, read
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.mailauth.dkim.private_key import PrivateKey, load_private_key
from compostela.mailauth.dkim.signing import SENDER_DOMAIN, DkimSigner, SignatureTemplate, parse_template
from compostela.mailauth.dkim.verification import DkimResult, DkimStatus, DkimVerification
from compostela.mailauth.dns import a_labels
from compostela.mime import headers
from compostela.mime.builder import message_part, singlepart
from compostela.model.domain import Domain
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

Signer = TypeVar("Signer")
MAX_ENCAPSULATED_BYTES = 10 * 1024 * 1024
_ENVELOPE_FIELDS = frozenset(
    {b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"in-reply-to", b"references"}
)
RESULT, FLAG = "jDKIM.AUTHRESULT", "jDKIM.AUTHRESULT.FLAG"


@dataclass(frozen=True, slots=True)
class _AnyLineEnds(Declared):
    """Every message that comes in has CRLF, whatever `forceCRLF` says."""

    WITHOUT_EFFECT = ("forceCRLF",)


@dataclass(frozen=True, slots=True)
class SigningSettings(_AnyLineEnds):
    """Template and key of a signature."""

    template: Annotated[str, Text("signatureTemplate")]
    """The signature without its values, as `v=1; s=selector; d=example.org; h=from:to:subject; a=rsa-sha256; bh=; b=;`."""
    pem: Annotated[str, Text("privateKey")] = field(default="", repr=False)
    """The private key, in PEM."""
    path: Annotated[str, Text("privateKeyFilepath")] = ""
    """The file with the private key, if there is no `privateKey`."""
    password: Annotated[str, Text("privateKeyPassword")] = field(default="", repr=False)
    """Password of the private key."""


@dataclass(frozen=True, slots=True)
class DKIMSignSettings(SigningSettings):
    """Parameters of `DKIMSign`."""

    default_domain: Annotated[Domain | None, Parsed("defaultDomain", Domain.parse, "domain")] = None
    """The domain that signs mail without a sender, with `d=%MAIL_FROM`."""


def read_signing(resolve: Callable[[str], Path], signing: SigningSettings) -> tuple[SignatureTemplate, PrivateKey]:
    """Read the key. Raises `OSError`, `ValueError` and `TypeError` with the reason."""
    if not signing.pem and not signing.path:
        raise ValueError("there is neither 'privateKey' nor 'privateKeyFilepath'")
    key = load_private_key(
        signing.pem.encode() if signing.pem else resolve(signing.path).read_bytes(), signing.password
    )
    return parse_template(signing.template, key.algorithm.value), key


def signer_of(
    signing: SigningSettings, mailet: Mailet, make: Callable[[SignatureTemplate, PrivateKey], Signer], problem: str
) -> Signer | None:
    """What `make` makes of template and key. Return None after a complaint, which begins with `problem`. `make` raises `ValueError` with
    a reason."""
    if not signing.template:
        return None
    try:
        return make(*read_signing(mailet.context.resolve, signing))
    except (OSError, ValueError, TypeError) as error:
        mailet.settings.error(f"{problem}: {error}")
        return None


async def dkim_of(mail: Mail, context: MailetContext) -> list[DkimResult]:
    """A result for each signature, from the top."""
    verification = await DkimVerification.of(mail.content.header)
    if not verification.is_signed:
        return []
    digests = await mail.content.body.apply(verification.body_digests)
    return await verification.conclude(digests, context.authentication_dns, context.clock.now())


class DKIMSign(Mailet):
    """Puts a DKIM-Signature on top. What changes the message afterwards breaks it: let it be the last before `RemoteDelivery`. With
    `d=%MAIL_FROM` mail from domains that are not ours stays unsigned; mail without a sender is signed for `defaultDomain`."""

    parameters = DKIMSignSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(DKIMSignSettings, settings)
        self._default = made.default_domain
        self._signer = signer_of(made, self, DkimSigner, "DKIMSign cannot sign")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        signer, domain = self._signer, await self._domain(mail)
        if signer is None or domain is None:
            return
        header, now = mail.content.header, self.context.clock.now()
        field = await mail.content.body.apply(lambda body: signer.sign(header, body, domain, now))
        mail.content = mail.content.with_header(headers.add_first(header, field))

    async def _domain(self, mail: Mail) -> str | None:
        """In A-labels; None for mail that is not to be signed."""
        if self._signer is None or self._signer.domain != SENDER_DOMAIN:
            return self._signer.domain if self._signer is not None else None
        domain = mail.sender.domain if mail.sender is not None else self._default
        if domain is None or not await self.context.domains.contains(domain):
            return None
        return a_labels(domain.name)


class EncapsulatedDKIMSign(DKIMSign):
    """Puts the message, as it is, into a new one, and signs that as `DKIMSign` does: signatures of the message inside go on
    holding. The new message has the fields `From`, `To`, `Cc`, `Reply-To`, `Subject`, `Date`, `Message-ID`, `In-Reply-To` and
    `References` of the one inside. Messages above 10 MB, and those that would not be signed, are left alone."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if await self._domain(mail) is None or mail.size > MAX_ENCAPSULATED_BYTES:
            return
        copied = [field for field in headers.fields(mail.content.header) if field.name.lower() in _ENVELOPE_FIELDS]
        own = b"".join(mail.content.header[field.start : field.end] for field in copied)
        part = message_part(await mail.content.read())
        header, body = singlepart([("MIME-Version", "1.0")], part)
        mail.content = MessageContent(own + header, MemoryBody(body))
        await super().service(mail, run)


class DKIMVerify(Mailet):
    """Notes in attributes what the signatures are worth: `jDKIM.AUTHRESULT`, a text, and `jDKIM.AUTHRESULT.FLAG`, whether one
    holds, which is absent when there is none."""

    parameters = _AnyLineEnds

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        read(_AnyLineEnds, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes.pop(FLAG, None)
        results = await dkim_of(mail, self.context)
        if not results:
            mail.attributes[RESULT] = "neutral (no signatures)"
            return
        holding = [one for one in results if one.status is DkimStatus.PASS]
        mail.attributes[RESULT] = "; ".join(map(_text, holding or results))
        mail.attributes[FLAG] = bool(holding)


def _text(result: DkimResult) -> str:
    said = f"identity {result.identity}" if result.status is DkimStatus.PASS else result.reason
    return f"{result.status.value} ({said})"
