"""The mailet that collects the addresses that a user writes to, for an address book."""

import json
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.mime import addresses
from compostela.mime.headers import Headers
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

MAX_CONTACTS = 1000
"""Addresses of one mail; those after them are left out."""


@dataclass(frozen=True, slots=True)
class ContactExtractorSettings:
    """Parameters of `ContactExtractor`."""

    attribute: Annotated[str, Text("attribute")]
    """The mail attribute for the JSON."""


class ContactExtractor(Mailet):
    """Puts the envelope sender and the addresses in To, Cc and Bcc into `attribute`, as the JSON
    `{"userEmail": "ann@example.org", "emails": ["bob@example.org"]}`: each address once, at most 1,000. Without sender or without
    addresses there is no attribute. Choose the mails with the matcher, for instance `SMTPAuthSuccessful`; put the mailet before
    `RemoveMimeHeader` of Bcc."""

    parameters = ContactExtractorSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = read(ContactExtractorSettings, settings).attribute

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        header = Headers(mail.content.header)
        found = {
            one.text().lower(): one.text()
            for name in (b"To", b"Cc", b"Bcc")
            for value in header.get_all(name)
            for one in addresses.parse(value)
            if one.mailbox and one.host
        }
        mail.attributes.pop(self._attribute, None)
        if mail.sender is not None and found:
            contacts = {"userEmail": str(mail.sender), "emails": list(found.values())[:MAX_CONTACTS]}
            mail.attributes[self._attribute] = json.dumps(contacts, ensure_ascii=False)
