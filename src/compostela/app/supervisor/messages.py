"""The channel between supervisor and worker: a pair of Unix sockets, one JSON object a line.

| from a worker | |
|---|---|
| `{"is": "ready"}` | it takes connections |
| `{"is": "alive"}` | its event loop runs |
| `{"is": "ask", "id", "topic", "body"}` | a question to all others |
| `{"is": "answer", "id", "to", "body"}` | to the worker that asked |
| `{"is": "restart", "id"}` | a rolling restart is wanted |

| from the supervisor | |
|---|---|
| `{"is": "drain"}` | new workers are ready: this one accepts no more, and ends when its sessions have ended or after a while |
| `{"is": "lead"}` | the worker does from now on what one worker does for all |
| `{"is": "workers", "living": [numbers], "missing", "restart": {"number", "is_over", "problem"}}` | after each change |
| `{"is": "asking", "id", "workers": [numbers]}` | these were asked |
| `{"is": "asked", "id", "from", "topic", "body"}` | a question of another worker |
| `{"is": "answered", "id", "from", "body"}` | an answer |
| `{"is": "restarting", "id", "problem"}` | the configuration is right, or a sentence |
"""

import json
from typing import Any

ALIVE_SECONDS = 5.0
"""How often a worker says that it is alive."""
MAX_LINE_BYTES = 4 * 1024 * 1024
"""Of one message; the metrics of a process are some 50 KB."""
WORKER_VARIABLE = "COMPOSTELA_WORKER"
"""The environment variable that tells a worker what it inherits."""

Message = dict[str, Any]  # Any: the values are JSON


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Raises `ValueError`."""
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("is"), str):
        raise ValueError("not a message")
    return message
