"""Mail attributes: their types and the well-known names (James's names, so that configurations carry over)."""

from datetime import datetime, timedelta

AttributeValue = (
    bool
    | int
    | float
    | str
    | bytes
    | datetime
    | timedelta
    | None
    | list["AttributeValue"]
    | dict[str, "AttributeValue"]
)

SMTP_AUTH_USER = "org.apache.james.SMTPAuthUser"
SMTP_IS_AUTH_NETWORK = "org.apache.james.SMTPIsAuthNetwork"
SMTP_SESSION_ID = "org.apache.james.SMTPSessionID"
HELO = "org.apache.james.HELO"
SSL_PROTOCOL = "org.apache.james.ssl.protocol"
SSL_CIPHER = "org.apache.james.ssl.cipher"
SPAM_STATUS = "org.apache.james.spamassassin.status"
SPAM_FLAG = "org.apache.james.spamassassin.flag"
MAILET_ERROR = "org.apache.james.MailetError"
SENT_BY_MAILET = "org.apache.james.SentByMailet"
SENT_BY_JMAP = "org.apache.james.jmap.send.MailMetaData.username"
FORWARDED = "org.apache.james.forwarded"
PROCESSING_ERROR_COUNT = "mail-processing-error-count"
TEMPORARY_ERROR_COUNT = "mail-processing-temporary-error-count"
DELIVERY_ERROR = "delivery-error"
DELIVERY_ERROR_CODE = "delivery-error-code"
DELIVERY_STATUS = "compostela.delivery.status"
"""The enhanced code of the refusal (RFC 3463), for Status in reports (RFC 3464 §2.3.4)."""
DELIVERY_REMOTE_MTA = "delivery-remote-mta"
"""The host that refused the mail, for Remote-MTA in reports (RFC 3464 §2.3.5)."""
IS_DELIVERY_PERMANENT_ERROR = "is-delivery-permanent-error"
DELIVERY_RETRIES = "delivery-retries"
DELIVERY_WAIT = "compostela.delivery.wait"
"""When RemoteDelivery put the mail back, and when it is due, in epoch seconds."""
RECORDED_RECIPIENTS = "loop.prevention.recorded.recipients"
REPROCESSING = "mailRepository-reprocessing"
REPROCESSED_FROM = "mailRepository"
MAIL_PRIORITY = "MAIL_PRIORITY"
REQUIRE_TLS = "REQUIRETLS"
SMTP_UTF8 = "SMTPUTF8"
BINARY = "BINARYMIME"
DSN_ENVELOPE_ID = "dsn-envid"
DSN_RETURN = "dsn-ret"
DSN_NOTIFY = "dsn-notify"
DSN_ORIGINAL_RECIPIENT = "dsn-orcpt"
DSN_ARRIVAL_DATE = "dsn-arrival-date"
DSN_DELAY_REPORTED = "dsn-delay-reported"
AT_MOST_EXECUTIONS = "AT_MOST_EXECUTIONS"
