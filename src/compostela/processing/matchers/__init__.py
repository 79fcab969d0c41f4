"""The packaged matchers by their names."""

from compostela.processing.mailet import MatcherFactory
from compostela.processing.matchers import message, notification, recipient, sender

MATCHERS: dict[str, MatcherFactory] = {
    matcher.__name__: matcher
    for matcher in (
        recipient.All,
        recipient.HostIs,
        recipient.HostIsLocal,
        recipient.IsSingleRecipient,
        recipient.RecipientCountExceeds,
        recipient.RecipientIs,
        recipient.RecipientIsLocal,
        recipient.RecipientIsRegex,
        recipient.UserIs,
        sender.IsSenderInRRTLoop,
        sender.SMTPAuthSuccessful,
        sender.SMTPAuthUserIs,
        sender.SMTPIsAuthNetwork,
        sender.SenderDomainIs,
        sender.SenderHostIsLocal,
        sender.SenderIs,
        sender.SenderIsLocal,
        sender.SenderIsNull,
        sender.SenderIsRegex,
        sender.SentByJmap,
        sender.SentByMailet,
        notification.DSNDelayRequested,
        notification.DSNFailureRequested,
        notification.DSNSuccessRequested,
        message.AtMost,
        message.HasHeader,
        message.HasMailAttribute,
        message.HasMailAttributeWithValue,
        message.HasMailAttributeWithValueRegex,
        message.IsRemoteDeliveryPermanentError,
        message.IsRemoteDeliveryTemporaryError,
        message.RelayLimit,
        message.SizeGreaterThan,
        message.SubjectIs,
        message.SubjectStartsWith,
    )
}
MATCHERS["RecipientDomainIs"] = recipient.HostIs
MATCHERS["TooManyRecipients"] = recipient.RecipientCountExceeds
MATCHERS["SenderHostIs"] = sender.SenderDomainIs

MATCHERS_NOT_YET = frozenset({
    "AtLeastPriority", "AtMostPriority", "HasPriority", "AttachmentFileNameIs", "CommandForListserv",
    "CommandListservMatcher", "CompareNumericHeaderValue", "DLP", "FetchedFrom", "FileRegexMatcher", "GenericRegexMatcher", "HasAttachment", "HasException",
    "HasHeaderWithPrefix", "HasMimeType", "HasMimeTypeAnySubPart", "HasMimeTypeParameter", "PartHasContentType",
    "InSpammerBlacklist", "IsFromMailingList", "IsInDropList", "IsMarkedAsSpam", "IsOverQuota",
    "RemoteDeliveryFailedWithSMTPCode", "IsSMIMEEncrypted", "IsSMIMESigned", "IsX509CertificateSubject", "NESSpamCheck",
    "RecipientHasMXRecord", "SenderHasMXRecord", "RemoteAddrInNetwork", "RemoteAddrNotInNetwork",
    "XOriginatingIpInNetwork", "SenderInFakeDomain", "TooManyLines", "HasLDAPAttribute", "SenderHasLDAPAttribute",
    "IsInLDAPGroup", "SenderIsInLDAPGroup",
})  # fmt: skip
