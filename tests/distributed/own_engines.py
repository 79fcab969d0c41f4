"""Engines of a test's own, which it starts and stops: a set beside that of all tests."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "dev" / "engines"
OFFSET = int(os.environ.get("ENGINES_PORT_OFFSET") or 0) + 100
"""One test of a checkout uses these ports at a time."""
SECONDS = 60.0
BUCKET = "own-engines"


class OwnEngines:
    """Nothing runs until `start`. `folder` keeps the data."""

    def __init__(self, folder: Path) -> None:
        self._environment = {
            "ENGINES_HOME": str(PROGRAM.parents[1] / ".engines"),
            **os.environ,
            "ENGINES_RUN": str(folder),
            "ENGINES_PORT_OFFSET": str(OFFSET),
        }

    def start(self, *names: str) -> None:
        """Returns when they are ready. SeaweedFS gets its bucket."""
        self._command("start", *names)
        if "seaweedfs" in names:
            make_bucket(OFFSET, BUCKET)

    def stop(self, *names: str) -> None:
        """All by default."""
        self._command("stop", *names)

    def files(self) -> dict[str, str]:
        """The configuration of a node, by the names of its files."""
        return files_at(OFFSET, "own", BUCKET)

    def _command(self, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *words], env=self._environment, capture_output=True, check=False, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def make_bucket(offset: int, name: str) -> None:
    """In the SeaweedFS of the engines at an offset of their ports."""
    url = f"http://127.0.0.1:{18888 + offset}/buckets/{name}/"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=SECONDS).close()


def files_at(offset: int, keyspace: str, bucket: str) -> dict[str, str]:
    """The configuration of a node on the engines at an offset of their ports, by the names of its files."""
    return {
        "cassandra.properties": (
            f"cassandra.nodes=127.0.0.1:{19042 + offset}\ncassandra.keyspace={keyspace}\ncassandra.keyspace.create=true\n"
            "cassandra.retryConnection.minDelay=500\n"
        ),
        "cassandra-driver.conf": "datastax-java-driver.basic.request.timeout = 60 seconds\n",
        "rabbitmq.properties": f"uri=amqp://guest:guest@127.0.0.1:{15673 + offset}/%2f\n",
        "blob.properties": (
            f"implementation=s3\nobjectstorage.s3.endPoint=http://127.0.0.1:{18333 + offset}\n"
            "objectstorage.s3.accessKeyId=local-identity\nobjectstorage.s3.secretKey=local-credential\n"
            f"objectstorage.namespace={bucket}\ndeduplication.enable=true\n"
        ),
        "redis.properties": f"redisURL=redis://127.0.0.1:{16379 + offset}\n",
        "queue.properties": "mail.queue.heartbeat=500ms\nmail.queue.dead.after=3s\nmail.queue.poll.interval=100ms\n",
    }
