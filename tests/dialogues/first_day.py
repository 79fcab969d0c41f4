"""What dialogues about first day share."""

import asyncio
import http.client
import json

from compostela.testing.server import Server

WEBADMIN = "enabled = true\nhost = 127.0.0.1\nport = 0\npassword = full\n"


async def ask(server: Server, method: str, path: str, body: object = None, token: str = "full") -> int:
    def call() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.under_test.web_port or 0, timeout=30)
        try:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body)
            connection.request(method, path, sent, {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()

    return await asyncio.to_thread(call)
