"""`tag=value; tag=value`, as DKIM, DMARC, MTA-STS and TLS-RPT write it (RFC 6376 §3.2)."""


def tags(text: str) -> dict[str, str]:
    """The first of each name; pieces that are no pair are left out."""
    found: dict[str, str] = {}
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def version(text: str) -> str:
    """The value of `v`, which must be the first tag; empty without it."""
    name, equals, value = text.partition(";")[0].partition("=")
    return value.strip() if equals and name.strip().lower() == "v" else ""
