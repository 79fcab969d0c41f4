"""The structure notes of messages, computed once."""

import re

from compostela.core.blob.model import MessageContent
from compostela.mime.scanner import describe

MAX_REMEMBERED = 256
_TRACE_FIELDS = re.compile(
    rb"(?:(?:received|return-path|delivered-to)[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+\n)*+", re.IGNORECASE
)
"""What a delivery adds on top of a header."""


class StructureNotes:
    """Gives the offset scanner's notes. One body to many recipients differs in header fields that the notes do not hold, so
    equal notes are found again by the body and the fields that matter."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], bytes] = {}

    async def of(self, content: MessageContent) -> bytes:
        """Return the stored form of the notes (`compostela.mime.structure`)."""
        header = content.header
        key = (content.body.digest, _fields_that_matter(header))
        known = self._known.get(key)
        if known is None:
            known = (await content.body.apply(lambda octets: describe(header, octets))).dumps()
            if len(self._known) >= MAX_REMEMBERED:
                # the oldest: the recipients of one body get it at the same time
                del self._known[next(iter(self._known))]
            self._known[key] = known
        return known


def _fields_that_matter(header: bytes) -> bytes:
    """The header without what a delivery adds on top of it."""
    added = _TRACE_FIELDS.match(header)
    return header if added is None else header[added.end() :]
