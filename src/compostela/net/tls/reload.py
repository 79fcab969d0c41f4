"""Exchange of keys and certificates in a running server."""

import asyncio
import logging
import ssl
from collections.abc import Iterable
from typing import Protocol

from compostela.base.errors import InvalidArgument
from compostela.net.tls.context import ServerContext
from compostela.net.tls.errors import TlsError

_log = logging.getLogger(__name__)


class Listening(Protocol):
    """What is asked of a listener."""

    context: ssl.SSLContext | None

    @property
    def name(self) -> str: ...

    @property
    def ports(self) -> list[int]: ...


async def reload_certificates(listeners: Iterable[Listening], port: int | None = None) -> int:
    """Reads the files of all servers with TLS again, or of the one that listens on a port; gives how many servers that were.

    Each server by itself: new connections get its new certificate, or, when its files are wrong, still the old one. Raises
    `InvalidArgument` with a sentence for each server whose files are wrong, after the others have theirs."""
    found, wrong = 0, []
    for listener in listeners:
        context = listener.context
        if not isinstance(context, ServerContext) or (port is not None and port not in listener.ports):
            continue
        found += 1
        name = listener.name
        try:
            # deriving keys from passwords takes a moment
            changed = await asyncio.to_thread(context.reload)
        except TlsError as error:
            _log.error("the certificate stays the old one: %s", error, extra={"server": name})
            wrong.append(f"{name} keeps its certificate: {error}")
        else:
            _log.info(
                "the certificate was read again, it is %s", "new" if changed else "the same", extra={"server": name}
            )
    if wrong:
        raise InvalidArgument("; ".join(wrong))
    return found
