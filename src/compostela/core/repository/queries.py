"""Which mails of a repository a query chooses."""

from compostela.core.repository.ports import RepositoryQuery


def matches(
    query: RepositoryQuery, updated: float, sender: str | None, recipients: str, host: str, address: str
) -> bool:
    """Whether a mail with these facts is chosen. Addresses are in lower case, recipients on a line each."""
    return (
        (query.updated_before is None or updated < query.updated_before)
        and (query.updated_after is None or updated > query.updated_after)
        and (query.sender is None or (sender is not None and _is_address(query.sender, sender)))
        and (query.recipient is None or any(_is_address(query.recipient, one) for one in recipients.split("\n")))
        and (query.remote_host is None or query.remote_host == host)
        and (query.remote_address is None or query.remote_address == address)
    )


def _is_address(pattern: str, address: str) -> bool:
    pattern = pattern.lower()
    return address.endswith(pattern[1:]) if pattern.startswith("*@") else address == pattern
