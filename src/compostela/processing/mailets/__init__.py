"""The packaged mailets by their names."""

from compostela.processing.mailet import MailetFactory
from compostela.processing.mailets import (
    attributes,
    bounces,
    dkim,
    headers,
    local_delivery,
    null,
    rewriting,
    routing,
    sieve,
    vacation,
)
from compostela.processing.remote_delivery.mailet import RemoteDelivery

MAILETS: dict[str, MailetFactory] = {
    mailet.__name__: mailet
    for mailet in (
        attributes.RemoveAllMailAttributes,
        attributes.RemoveMailAttribute,
        attributes.SetMailAttribute,
        attributes.WithPriority,
        bounces.Bounce,
        bounces.DSNBounce,
        dkim.DKIMSign,
        dkim.DKIMVerify,
        headers.AddDeliveredToHeader,
        headers.AddSubjectPrefix,
        headers.LogMessage,
        headers.RemoveMimeHeader,
        headers.RemoveMimeHeaderByPrefix,
        headers.SetMimeHeader,
        local_delivery.LocalDelivery,
        null.Null,
        RemoteDelivery,
        rewriting.RecipientRewriteTable,
        routing.MetricsMailet,
        routing.PostmasterAlias,
        routing.RecipientToLowerCase,
        routing.SetErrorMessage,
        routing.ToProcessor,
        routing.ToRepository,
        routing.ToSenderDomainRepository,
        sieve.Sieve,
        vacation.VacationMailet,
    )
}

MAILETS_WITHOUT_EFFECT = frozenset({"JMAPFiltering"})
"""Named by the packaged pipeline, and let every mail pass until they exist."""

MAILETS_NOT_YET = frozenset({
    "AddFooter", "AmqpForwardAttribute", "BayesianAnalysis", "BayesianAnalysisFeeder", "ClamAVScan", "ClassifyBounce",
    "ContactExtractor", "ConvertTo7Bit", "DeconnectionRight", "EncapsulatedDKIMSign", "Expires",
    "ExtractMDNOriginalJMAPMessageId", "FoldLongLines", "Forward", "FromRepository", "GlobalRateLimit",
    "PerSenderRateLimit", "PerRecipientRateLimit", "HeadersToHTTP", "ICalendarParser", "ICALToHeader",
    "ICALToJsonAttribute", "ICSSanitizer", "MailAttributesToMimeHeaders", "MailAttributesListToMimeHeaders",
    "MailToAllUsers", "ManageSieveMailet", "MimeDecodingMailet", "NotifyPostmaster", "NotifySender", "OnlyText",
    "PropagateError", "RandomStoring", "RecoverAttachment", "Redirect", "ReplaceContent", "Requeue", "Resend",
    "RspamdScanner", "SanitizeMimeMessageId", "SaveMailNameInHeaders", "SerialiseToHTTP", "ServerTime",
    "SMIMECheckSignature", "SMIMEDecrypt", "Sign", "SMIMESign", "SpamAssassin", "SPF", "SplitMail", "StripAttachment",
    "SubAddressing", "TextCalendarBodyToAttachment", "ToPlainText", "ToSenderFolder", "UnwrapText", "WrapText",
    "UseHeaderRecipients", "WithStorageDirective",
})  # fmt: skip
