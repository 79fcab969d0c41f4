"""The client's side of an HTML form: fields posted to a URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MessageContent

FormField = tuple[str, str | bytes | MessageContent]
"""Name and value. Octets and messages are sent octet for octet, text in UTF-8."""


class FormNotPosted(TemporaryFailure):
    """No server answered in time. The server may have the form or not."""


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """The status line of the answer. A redirection is an answer like others and is not followed."""

    status: int
    reason: str

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300


class FormPoster(Protocol):
    """Posts forms as application/x-www-form-urlencoded, in the order of the fields. Embedded and distributed alike: nothing is
    kept, and a form that is posted twice arrives twice."""

    async def post(self, url: str, fields: Sequence[FormField], timeout_seconds: float) -> FormAnswer:
        """Return the answer of the server at an http or https URL. Raises `FormNotPosted` at the latest after `timeout_seconds`,
        which count for the whole exchange."""
        ...
