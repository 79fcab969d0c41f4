"""Does mail for postmaster and abuse of a domain reach anybody (RFC 5321 §4.5.1, RFC 2142 §4)? Only the running server knows: it takes such
mail in any case."""

from collections.abc import Awaitable, Callable

from compostela.doctor.model import Finding, Severity

ROLES = ("postmaster", "abuse")
IsRead = Callable[[str], Awaitable[bool]]
"""Whether mail for an address reaches a user, or goes to another server."""
_WHY = "Others tell of trouble with your mail there, and block lists ask there."


async def check_roles(domain: str, is_read: IsRead) -> list[Finding]:
    unread = [address for role in ROLES if not await is_read(address := f"{role}@{domain}")]
    found = [
        Finding(
            Severity.WARNING,
            address,
            f"No user reads the mail for {address}.",
            _WHY,
            f"<postmaster> in mailetcontainer.xml with the address of a user, or: compostela alias add {address} USER",
        )
        for address in unread
    ]
    return found or [Finding(Severity.OK, domain, f"Mail for {' and '.join(ROLES)} of {domain} is read.")]
