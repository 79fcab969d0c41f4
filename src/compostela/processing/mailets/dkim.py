"""Mailets that sign with DKIM and look at signatures (RFC 6376)."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

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


def read_signing(
    resolve: Callable[[str], Path], template: str, pem: str, url: str, password: str
) -> tuple[SignatureTemplate, PrivateKey]:
    """Of the parameters of `DKIMSign`. Raises `OSError`, `ValueError` and `TypeError` with the reason."""
    if not pem and not url:
        raise ValueError("there is neither 'privateKey' nor 'privateKeyFilepath'")
    key = load_private_key(pem.encode() if pem else resolve(url).read_bytes(), password)
    return parse_template(template, key.algorithm.value), key


def signer_of(
    settings: Settings, context: MailetContext, make: Callable[[SignatureTemplate, PrivateKey], Signer], problem: str
) -> Signer | None:
    """What `make` makes of the parameters of `DKIMSign`. Return None after a complaint, which begins with `problem`. `make` raises
    `ValueError` with a reason."""
    # every message that comes in has such line ends
    settings.ignored("forceCRLF")
    template = settings.required("signatureTemplate")
    pem, url = settings.text("privateKey", ""), settings.text("privateKeyFilepath", "")
    password = settings.text("privateKeyPassword", "")
    if not template:
        return None
    try:
        return make(*read_signing(context.resolve, template, pem, url, password))
    except (OSError, ValueError, TypeError) as error:
        settings.error(f"{problem}: {error}")
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

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._default = settings.parsed("defaultDomain", None, Domain.parse)
        self._signer = signer_of(settings, context, DkimSigner, "DKIMSign cannot sign")

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

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        settings.ignored("forceCRLF")

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
