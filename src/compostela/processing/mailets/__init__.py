"""The packaged mailets by their names."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from compostela.processing.mailet import Mailet

_NAMES = {
    "mailets.amqp": ("AmqpForwardAttribute",),
    "mailets.arc": ("ARCSign", "ARCVerify"),
    "mailets.attachments": ("StripAttachment", "RecoverAttachment", "MimeDecodingMailet"),
    "mailets.attributes": ("RemoveAllMailAttributes", "RemoveMailAttribute", "SetMailAttribute", "WithPriority"),
    "mailets.bayes": ("BayesianAnalysis", "BayesianAnalysisFeeder"),
    "mailets.body_types": ("TextCalendarBodyToAttachment", "ToPlainText"),
    "mailets.bounces": ("Bounce", "DSNBounce"),
    "mailets.calendar_repair": ("ICSSanitizer",),
    "mailets.calendars": ("ICALToHeader", "ICALToJsonAttribute", "ICalendarParser"),
    "mailets.contacts": ("ContactExtractor",),
    "mailets.debug": ("Counter", "DumpSystemErr", "ExceptionThrowingMailet", "Identity", "PropagateError"),
    "mailets.dkim": ("DKIMSign", "EncapsulatedDKIMSign", "DKIMVerify"),
    "mailets.dmarc": ("DMARC",),
    "mailets.filters": ("ClamAVScan", "RspamdScanner", "SPF", "SpamAssassin"),
    "mailets.flowed": ("UnwrapText", "WrapText"),
    "mailets.header_values": (
        "Expires",
        "SanitizeMimeMessageId",
        "SaveMailNameInHeaders",
        "MailAttributesToMimeHeaders",
        "MailAttributesListToMimeHeaders",
        "ClassifyBounce",
    ),
    "mailets.headers": (
        "AddDeliveredToHeader",
        "AddSubjectPrefix",
        "LogMessage",
        "RemoveMimeHeader",
        "RemoveMimeHeaderByPrefix",
        "SetMimeHeader",
    ),
    "mailets.http": ("HeadersToHTTP", "SerialiseToHTTP"),
    "mailets.local_delivery": ("LocalDelivery",),
    "mailets.managesieve": ("ManageSieveMailet",),
    "mailets.mdn": ("ExtractMDNOriginalJMAPMessageId",),
    "mailets.null": ("Null",),
    "mailets.rate_limits": ("GlobalRateLimit", "PerRecipientRateLimit", "PerSenderRateLimit"),
    "mailets.recipients": ("DeconnectionRight", "SplitMail", "UseHeaderRecipients"),
    "mailets.resending": (
        "Forward",
        "FromRepository",
        "NotifyPostmaster",
        "NotifySender",
        "Redirect",
        "Requeue",
        "Resend",
    ),
    "mailets.rewriting": ("RecipientRewriteTable", "SRS"),
    "mailets.routing": (
        "MetricsMailet",
        "PostmasterAlias",
        "RecipientToLowerCase",
        "SetErrorMessage",
        "ToProcessor",
        "ToRepository",
        "ToSenderDomainRepository",
    ),
    "mailets.sieve": ("Sieve",),
    "mailets.smime": ("SMIMECheckSignature", "SMIMEDecrypt"),
    "mailets.smime_sign": ("SMIMESign", "Sign"),
    "mailets.storage": ("RandomStoring", "WithStorageDirective"),
    "mailets.storing": ("MailToAllUsers", "ServerTime", "ToSenderFolder"),
    "mailets.sub_addressing": ("SubAddressing",),
    "mailets.texts": ("AddFooter", "ConvertTo7Bit", "FoldLongLines", "OnlyText", "ReplaceContent"),
    "mailets.vacation": ("VacationMailet",),
    "remote_delivery.mailet": ("RemoteDelivery",),
}
"""By their module in `compostela.processing`."""


class _PackagedMailets(Mapping[str, type[Mailet]]):
    """Imports a module when a mailet of it is asked for: a pipeline uses a third of them, and the others cost a start a tenth of a second."""

    def __init__(self) -> None:
        self._modules = {name: module for module, names in _NAMES.items() for name in names}

    def __getitem__(self, name: str) -> type[Mailet]:
        found: type[Mailet] = getattr(import_module(f"compostela.processing.{self._modules[name]}"), name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


MAILETS: Mapping[str, type[Mailet]] = _PackagedMailets()

MAILETS_WITHOUT_EFFECT = frozenset({"JMAPFiltering"})
"""Named by the packaged pipeline, and let every mail pass until they exist."""
