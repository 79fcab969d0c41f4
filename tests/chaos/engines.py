"""A set of engines of its own, which may be hurt: other ports and another folder than those of the tests."""

import asyncio
import os
import shutil
import signal
import sys
import urllib.request
from pathlib import Path

OFFSET = int(os.environ.get("ENGINES_PORT_OFFSET") or 0) + 2000
_PROGRAM = Path(__file__).resolve().parents[2] / "dev/engines"
ENGINES = ("cassandra", "rabbitmq", "seaweedfs", "redis")
CQL, AMQP, S3, FILER, REDIS = (port + OFFSET for port in (19042, 15673, 18333, 18888, 16379))
_PORTS = (CQL, AMQP, S3, FILER, REDIS)
KEYSPACE = BUCKET = "chaos"
SECONDS = 60.0


class Engines:
    """Processes of `dev/engines`. Their data begins empty."""

    def __init__(self, folder: Path, replicas: int = 1) -> None:
        """`replicas`: nodes of Cassandra, each of which has all rows."""
        self._folder = folder
        self.replicas = ["cassandra", *(f"cassandra{number}" for number in range(2, replicas + 1))]
        self._environment = {
            **os.environ,
            "ENGINES_PORT_OFFSET": str(OFFSET),
            "ENGINES_RUN": str(folder),
            "ENGINES_REPLICAS": str(replicas),
        }

    async def start(self, *names: str) -> None:
        """Returns when they are ready. Without names: all."""
        await self._run("start", *names)

    async def stop(self, *names: str) -> None:
        """In good order. Without names: all."""
        await self._run("stop", *names)

    async def _run(self, command: str, *names: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, _PROGRAM, command, *names, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"dev/engines {command} {' '.join(names)}: {output.decode(errors='replace')[-2000:]}")

    def signal(self, name: str, number: signal.Signals) -> None:
        """To all processes of an engine, which have a session of their own."""
        os.killpg(int((self._folder / name / "pid").read_text().split()[0]), number)

    def wipe_rabbitmq(self) -> None:
        """Removes all that RabbitMQ has kept. It must not run."""
        shutil.rmtree(self._folder / "rabbitmq/mnesia", ignore_errors=True)

    def make_bucket(self) -> None:
        """A folder of SeaweedFS's filer."""
        request = urllib.request.Request(f"http://127.0.0.1:{FILER}/buckets/{BUCKET}/", method="POST")
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass


def node_files(request_seconds: float, replicas: int) -> dict[str, str]:
    """The configuration of a node on these engines, by the names of its files. `request_seconds`: time-out of a request to Cassandra."""
    hosts = ",".join(f"127.0.0.{number}:{CQL}" for number in range(1, replicas + 1))
    return {
        "cassandra.properties": (
            f"cassandra.nodes={hosts}\ncassandra.keyspace={KEYSPACE}\ncassandra.keyspace.create=true\n"
            f"cassandra.replication.factor={replicas}\n"
        ),
        "cassandra-driver.conf": f"datastax-java-driver.basic.request.timeout = {request_seconds:.0f} seconds\n",
        "rabbitmq.properties": f"uri=amqp://guest:guest@127.0.0.1:{AMQP}/\n",
        "blob.properties": (
            f"implementation=s3\nobjectstorage.s3.endPoint=http://127.0.0.1:{S3}\n"
            "objectstorage.s3.accessKeyId=local-identity\nobjectstorage.s3.secretKey=local-credential\n"
            f"objectstorage.namespace={BUCKET}\ndeduplication.enable=true\n"
        ),
        "redis.properties": f"redisURL=redis://127.0.0.1:{REDIS}\n",
        "queue.properties": (
            "mail.queue.heartbeat=500ms\nmail.queue.dead.after=5s\nmail.queue.poll.interval=200ms\n"
            "mail.queue.sweep.interval=3s\nmail.queue.lost.after=5s\n"
        ),
    }
