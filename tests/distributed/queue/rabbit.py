"""Virtual hosts of the RabbitMQ that `dev/engines` started."""

import base64
import json
import os
import urllib.request
from urllib.error import HTTPError

OFFSET = int(os.environ.get("ENGINES_PORT_OFFSET") or 0)
AMQP_PORT = 15673 + OFFSET
_MANAGEMENT = f"http://127.0.0.1:{15675 + OFFSET}/api"
_ACCOUNT = base64.b64encode(b"guest:guest").decode()
SECONDS = 60.0


def uri(vhost: str) -> str:
    return f"amqp://guest:guest@127.0.0.1:{AMQP_PORT}/{vhost}"


def _ask(method: str, path: str, body: object = None) -> bytes:
    request = urllib.request.Request(
        f"{_MANAGEMENT}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {_ACCOUNT}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        octets: bytes = answer.read()
    return octets


def make_vhost(name: str) -> None:
    """A new one, empty."""
    remove_vhost(name)
    _ask("PUT", f"vhosts/{name}", {})
    _ask("PUT", f"permissions/{name}/guest", {"configure": ".*", "write": ".*", "read": ".*"})


def remove_vhost(name: str) -> None:
    try:
        _ask("DELETE", f"vhosts/{name}")
    except HTTPError as error:
        if error.code != 404:
            raise
