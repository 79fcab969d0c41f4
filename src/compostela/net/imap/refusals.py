"""The tagged end of a command that failed."""

import logging

from compostela.base.errors import NotFound, QuotaExceeded, StorageFull, TemporaryFailure
from compostela.core.mailbox.keyword_limits import KeywordLimitReached
from compostela.core.mailbox.rights import NoPermission
from compostela.net.imap.reply import Refused
from compostela.protocols.imap.responses import tagged

_log = logging.getLogger(__name__)


def refusal(tag: bytes, name: str, error: Exception) -> bytes:
    """What the client is told of an error that its command raised; the log is told of those that are not the client's."""
    match error:
        case Refused():
            return tagged(tag, error.status, f"{name} failed. {error}", error.code)
        case NoPermission():
            return tagged(tag, "NO", f"{name} failed. {error}", "NOPERM")  # RFC 5530 §3
        case QuotaExceeded():
            return tagged(tag, "NO", f"{name} failed. {error}", "OVERQUOTA")  # RFC 5530 §3
        case KeywordLimitReached():
            return tagged(tag, "NO", f"{name} failed. {error}", "LIMIT")  # RFC 5530 §3
        case NotFound():
            return tagged(tag, "NO", f"{name} failed. Mailbox not found.", "NONEXISTENT")
        case StorageFull():
            return tagged(tag, "NO", f"{name} failed. There is no room on the disk.", "UNAVAILABLE")
        case TemporaryFailure():
            _log.error("a command failed for now", extra={"command": name, "error": str(error)})
            return tagged(tag, "NO", f"{name} processing failed.", "UNAVAILABLE")
        case _:
            _log.error("unexpected error in a command", exc_info=error, extra={"command": name})
            return tagged(tag, "NO", f"{name} processing failed.", "SERVERBUG")
