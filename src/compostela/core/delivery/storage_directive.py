"""Where and how local delivery stores a mail for a recipient: attributes of the mail, by James's names."""

from collections.abc import Sequence
from dataclasses import dataclass

from compostela.core.mail.model import Mail
from compostela.model.flags import NO_FLAGS, Flags, SystemFlag
from compostela.model.mail_address import MailAddress

_FOLDERS = "DeliveryPaths_"
_SEEN = "Seen_"
_IMPORTANT = "Important_"
_KEYWORDS = "Keywords_"


@dataclass(frozen=True, slots=True)
class StorageDirective:
    """`folders`: names of mailboxes, INBOX if there are none. `is_important` is the flag `\\Flagged`."""

    folders: Sequence[str] = ()
    is_seen: bool = False
    is_important: bool = False
    keywords: Sequence[str] = ()

    @property
    def flags(self) -> Flags:
        if not (self.is_seen or self.is_important or self.keywords):
            return NO_FLAGS
        seen = SystemFlag.SEEN if self.is_seen else 0
        flagged = SystemFlag.FLAGGED if self.is_important else 0
        return Flags(int(seen | flagged), frozenset(self.keywords))

    def put(self, mail: Mail, recipient: MailAddress) -> None:
        """Add to the directive that the mail has for the recipient already."""
        name, attributes = str(recipient).lower(), mail.attributes
        if self.folders:
            attributes[_FOLDERS + name] = list(self.folders)
        if self.is_seen:
            attributes[_SEEN + name] = True
        if self.is_important:
            attributes[_IMPORTANT + name] = True
        if self.keywords:
            attributes[_KEYWORDS + name] = list(self.keywords)


_TO_INBOX = StorageDirective()


def directive_of(mail: Mail, recipient: MailAddress) -> StorageDirective:
    """What earlier mailets want. Values of a wrong type are passed over."""
    name, attributes = str(recipient).lower(), mail.attributes
    folders, keywords = _texts(attributes.get(_FOLDERS + name)), _texts(attributes.get(_KEYWORDS + name))
    is_seen, is_important = attributes.get(_SEEN + name) is True, attributes.get(_IMPORTANT + name) is True
    if not (folders or keywords or is_seen or is_important):
        return _TO_INBOX
    return StorageDirective(folders, is_seen, is_important, keywords)


def _texts(value: object) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else ()
