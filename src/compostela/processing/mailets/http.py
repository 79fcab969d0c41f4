"""Mailets that post a mail, or its header, as a form to a program of the operator."""

import logging
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Self
from urllib.parse import urlsplit

from compostela.base.declarations import Boolean, Duration, Parsed, Text
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.mail.model import GHOST, Mail
from compostela.core.web_forms.ports import FormField, FormNotPosted
from compostela.mime.headers import fields, remove, unfold
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

SECONDS = 30.0
"""How long a server has to take a form and to answer, unless `timeout` says otherwise."""


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise InvalidArgument(f"{text!r} is not an http or https URL")
    return text


@dataclass(frozen=True, slots=True)
class FormSettings(Declared):
    """Parameters of both mailets."""

    url: Annotated[str, Parsed("url", _http_url, "HTTP URL")]
    """Where the form goes."""
    key: Annotated[str, Text("parameterKey")] = ""
    """Name of a further field of the form."""
    value: Annotated[str, Text("parameterValue")] = ""
    """Value of that field."""
    passes_through: Annotated[bool, Boolean("passThrough")] = True
    """Whether a mail that was posted goes on."""
    timeout_seconds: Annotated[float, Duration("timeout", minimum=0.1)] = SECONDS
    """How long the server has to take the form and to answer."""

    def completed(self, settings: Settings) -> Self:
        if bool(self.key) != bool(self.value):
            settings.error("'parameterKey' and 'parameterValue' belong together", "parameterKey")
        return self


@dataclass(frozen=True, slots=True)
class SerialiseToHTTPSettings(FormSettings):
    """Parameters of `SerialiseToHTTP`."""

    message_key: Annotated[str, Text("MessageKeyName")] = "message"
    """Name of the field with the message."""


class _FormMailet(Mailet):
    result_field: str

    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext, made: FormSettings) -> None:
        super().__init__(settings, context)
        self._url, self._passes_through, self._timeout_seconds = made.url, made.passes_through, made.timeout_seconds
        self._fixed: list[FormField] = [(made.key, made.value)] if made.key and made.value else []

    @abstractmethod
    def form(self, mail: Mail) -> list[FormField]:
        """The fields that tell of the mail."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        try:
            answer = await self.context.forms.post(self._url, [*self._fixed, *self.form(mail)], self._timeout_seconds)
        except FormNotPosted as error:
            self._note(mail, "the server does not answer", str(error))
            return
        if not answer.is_success:
            status = f"{answer.status} {answer.reason}".strip()
            self._note(mail, status, status)
        elif self._passes_through:
            self._note(mail)
        else:
            mail.state = GHOST

    def _note(self, mail: Mail, failure: str = "", reason: str = "") -> None:
        """`reason` is for the log alone: it tells of the operator's hosts."""
        mail.content = mail.content.with_header(remove(mail.content.header, [f"{self.result_field}Failure".encode()]))
        replace_field(mail, self.result_field, "Failed" if failure else "Succeeded")
        if failure:
            _log.warning(
                "a form was not taken", extra={"mail": mail.name, "host": urlsplit(self._url).hostname, "error": reason}
            )
            replace_field(mail, f"{self.result_field}Failure", failure)


class HeadersToHTTP(_FormMailet):
    """Posts the header fields of the message as a form to `url`: each field under its name, and `parameterKey` with `parameterValue`
    before them. The field `X-headerToHTTP` of the message tells `Succeeded` or, for an answer other than 2xx and for none within
    `timeout` (30 s), `Failed`, with the reason in `X-headerToHTTPFailure`. With `passThrough` false a mail that was posted ends
    here; one that was not goes on. A mail whose processing is repeated is posted again."""

    parameters = FormSettings
    result_field = "X-headerToHTTP"

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context, read(FormSettings, settings))

    def form(self, mail: Mail) -> list[FormField]:
        return [(one.name.decode("ascii"), unfold(one.value)) for one in fields(mail.content.header)]


class SerialiseToHTTP(_FormMailet):
    """Posts the message as a form to `url`: in the field that `MessageKeyName` names (`message`), octet for octet, with `parameterKey`
    and `parameterValue` before it. The field `X-toHTTP` of the message tells `Succeeded` or, for an answer other than 2xx and for
    none within `timeout` (30 s), `Failed`, with the reason in `X-toHTTPFailure`. With `passThrough` false a mail that was posted
    ends here; one that was not goes on. A mail whose processing is repeated is posted again."""

    parameters = SerialiseToHTTPSettings
    result_field = "X-toHTTP"

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        made = read(SerialiseToHTTPSettings, settings)
        super().__init__(settings, context, made)
        self._message_key = made.message_key

    def form(self, mail: Mail) -> list[FormField]:
        return [(self._message_key, mail.content)]
