"""The extensions that `require` may name (RFC 5228 §6)."""

CAPABILITIES = frozenset({
    "body", "comparator-i;ascii-casemap", "comparator-i;ascii-numeric", "comparator-i;octet", "copy", "date", "duplicate",
    "editheader", "enclose", "encoded-character", "enotify", "envelope", "environment", "ereject", "extlists", "extracttext",
    "fcc", "fileinto", "foreverypart", "ihave", "imap4flags", "include", "index", "log", "mailbox", "mboxmetadata", "mime",
    "regex", "reject", "relational", "replace", "servermetadata", "spamtest", "spamtestplus", "special-use", "subaddress",
    "vacation", "vacation-seconds", "variables", "virustest",
})  # fmt: skip
"""`log` is James's own."""

IMPLIED = {"vacation-seconds": ("vacation",), "spamtestplus": ("spamtest",)}
"""What a capability brings along (RFC 6131 §2; RFC 5235 §2.3)."""

NOTIFY_METHODS = ("mailto",)


def closure(names: frozenset[str]) -> frozenset[str]:
    """With what they imply."""
    return names | {implied for name in names for implied in IMPLIED.get(name, ())}
