"""Special uses of mailboxes (RFC 6154): a mailbox has one by its name, as in James."""

SPECIAL_USES = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Trash": "\\Trash", "Archive": "\\Archive", "Spam": "\\Junk"}
"""Attributes by the names of mailboxes."""


def mailbox_of_use(attribute: str) -> str | None:
    """The name of the mailbox that has a special use, which is compared without regard to case; None for others."""
    for name, known in SPECIAL_USES.items():
        if known.lower() == attribute.lower():
            return name
    return None
