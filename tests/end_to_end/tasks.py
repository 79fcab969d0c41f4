"""Calls of WebAdmin with a token."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.server_process import TOKEN, ServerProcess

LIMIT_SECONDS = 60.0


def call(server: ServerProcess, method: str, path: str) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.web}{path}", method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
        body = answer.read()
    return json.loads(body) if body else None
