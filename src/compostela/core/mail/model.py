"""A mail on its way: envelope, content and what the pipeline knows of it.

A `Mail` is mutable and belongs to one task at a time. Its content is immutable and shared between the parts of a split.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from compostela.base.ids import new_trace_id
from compostela.core.blob.model import MessageContent
from compostela.core.mail.attributes import AttributeValue
from compostela.model.mail_address import MailAddress

ROOT = "root"
ERROR = "error"
TRANSPORT = "transport"
GHOST = "ghost"


@dataclass(slots=True)
class Mail:
    """One mail (James's Mail). `sender` is None for the null reverse path; `state` names the processor
    that it is in or goes to; `arrived_at` and `last_updated_at` are epoch seconds."""

    name: str
    sender: MailAddress | None
    recipients: list[MailAddress]
    content: MessageContent
    state: str = ROOT
    remote_host: str = "localhost"
    remote_address: str = "127.0.0.1"
    arrived_at: float = 0.0
    last_updated_at: float = 0.0
    error_message: str | None = None
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    per_recipient_headers: dict[MailAddress, list[tuple[str, str]]] = field(default_factory=dict)
    trace_id: str = field(default_factory=new_trace_id)

    @property
    def size(self) -> int:
        """Octets of the message."""
        return self.content.size

    def copy(self, name: str, recipients: Iterable[MailAddress]) -> "Mail":
        """A second mail with its own envelope and attributes, sharing the content and the trace."""
        return Mail(
            name=name,
            sender=self.sender,
            recipients=list(recipients),
            content=self.content,
            state=self.state,
            remote_host=self.remote_host,
            remote_address=self.remote_address,
            arrived_at=self.arrived_at,
            last_updated_at=self.last_updated_at,
            error_message=self.error_message,
            attributes=dict(self.attributes),
            per_recipient_headers={who: list(headers) for who, headers in self.per_recipient_headers.items()},
            trace_id=self.trace_id,
        )
