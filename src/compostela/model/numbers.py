"""The counters of a mailbox (RFC 3501 §2.3.1, RFC 7162 §3.1.1), told apart by type at no cost at run time."""

from typing import NewType

Uid = NewType("Uid", int)
"""1 … 2**32-1, strictly increasing in a mailbox, never given twice under one UidValidity."""
UidValidity = NewType("UidValidity", int)
"""1 … 2**32-1."""
ModSeq = NewType("ModSeq", int)
"""1 … 2**63-1; every append, flag change and expunge of a mailbox takes the next one."""
BlobId = NewType("BlobId", str)
"""Name of stored bytes, made from their content: `<scheme>_<hash>`."""
MailboxId = NewType("MailboxId", str)
"""Server-made, never changes when the mailbox is renamed, never used again (RFC 8474)."""
MessageId = NewType("MessageId", str)
"""Server-made id of a message, shared by its copies in other mailboxes (RFC 8474 EMAILID). Not the Message-ID header."""
EntryId = NewType("EntryId", str)
"""Id of a mail queue entry: splits, retries and re-enqueues of the mail keep it."""
EffectKey = NewType("EffectKey", str)
"""Names one effect of a pipeline run within its queue entry; a port that has seen it does nothing the second time."""
