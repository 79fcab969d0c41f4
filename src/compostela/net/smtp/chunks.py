"""A message that comes in chunks (BDAT, RFC 3030)."""

from compostela.mime.lines import has_bare_line_ends
from compostela.net.incoming_message import IncomingMessage
from compostela.protocols.smtp import replies
from compostela.protocols.smtp.replies import Reply


class Chunks:
    """What is known of the chunks of one message, which live until the last one, a refusal or the end of the transaction.

    A message that is not declared as BINARYMIME is text, whose lines end with CRLF: the next server might take anything
    else for a line end and see commands in the message."""

    __slots__ = ("_ends_with_cr", "_is_binary", "_is_text", "is_last", "size", "wrong")

    def __init__(self, wrong: Reply | None, *, is_binary: bool) -> None:
        self.wrong = wrong
        """Why there can be no message now."""
        self.size = 0
        """Octets of the chunk."""
        self.is_last = False
        self._is_binary = is_binary
        self._is_text = True
        self._ends_with_cr = False

    def begin(self, size: int, last: bool) -> None:
        self.size = size
        self.is_last = last

    def look_at(self, octets: bytes) -> None:
        """Octets of the message in their order."""
        if self._is_binary or not self._is_text:
            return
        if self._ends_with_cr:
            octets = b"\r" + octets
        self._ends_with_cr = octets.endswith(b"\r")
        if self._ends_with_cr:
            octets = octets[:-1]
        self._is_text = b"\x00" not in octets and not has_bare_line_ends(octets)

    def problem(self, message: IncomingMessage | None) -> Reply | None:
        """At the end of a chunk: why the message is refused."""
        if self.wrong is not None or message is None:
            return self.wrong
        if message.too_large:
            return replies.CHUNK_TOO_LARGE
        if message.header_too_large:
            return replies.HEADER_TOO_LARGE
        if message.storage_full:
            return replies.STORAGE_FULL
        if not self._is_text or (self.is_last and self._ends_with_cr):
            return replies.NOT_TEXT
        return None
