"""The head of a mailbox counted anew from its messages."""

from collections.abc import Mapping

import msgspec

from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.page import Level, page_of
from compostela.core.mailbox.log_and_pages.state import MailboxState


def all_pages(state: MailboxState) -> Mapping[int, Level]:
    """Every page that ever had a message, whatever the head says of them."""
    return dict.fromkeys(range(page_of(state.head.uid_next - 1) + 1), Level.FACTS)


def recounted(state: MailboxState) -> Head:
    """The head with the right counters; all pages are loaded."""
    head = msgspec.structs.replace(state.head, messages=0, unseen=0, deleted=0, size=0, deleted_size=0, recent=0)
    recent, lowest = 0, None
    for number in sorted(all_pages(state)):
        page = state.pages[number]
        if not len(page):
            continue
        lowest = number if lowest is None else lowest
        head = head.counting(zip(page.flags, page.sizes, strict=True), 1).with_keywords(page.flags)
        recent += len(page.among(head.first_recent, head.uid_next))
    if lowest is not None and lowest < head.lowest_page:
        head = msgspec.structs.replace(head, lowest_page=lowest)
    return msgspec.structs.replace(head, recent=recent)
