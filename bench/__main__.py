"""`python -m bench`: what the server does in a second, what a message costs, and how long a client waits."""

import argparse
import tempfile
import time
from pathlib import Path

import apsw
from tests.server_process import ServerProcess

from bench import processes, smtp_load
from compostela.adapters.embedded.database import DATABASE_NAME

CONNECTIONS = 20
USERS = [f"user{number}@example.org" for number in range(20)]


def _drain(server: ServerProcess) -> None:
    database = apsw.Connection(str(server.data / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    while database.execute("SELECT count(*) FROM queue_entry").get:
        time.sleep(0.01)
    database.close()


def _accept(server: ServerProcess, size: int, messages: int) -> None:
    assert server.process is not None
    pids = processes.family(server.process.pid)
    cpu, start = processes.cpu_seconds(pids), time.perf_counter()
    result = smtp_load.run(server.smtp, size, CONNECTIONS, messages, USERS)
    _drain(server)
    seconds, spent = time.perf_counter() - start, processes.cpu_seconds(pids) - cpu
    print(
        f"{size // 1024:>4} KiB  accepted {result.rate:6.0f}/s  delivered {result.messages / seconds:6.0f}/s  "
        f"CPU {spent / result.messages * 1000:.3f} ms a message  dot to 250: p50 {result.percentile(0.5) * 1000:.1f} ms, "
        f"p99 {result.percentile(0.99) * 1000:.1f} ms  (generator: {result.cpu_seconds:.1f} s of CPU)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=8000, help="of 4 KiB; an eighth as many of 100 KiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compostela-bench-") as folder:
        server = ServerProcess(Path(folder))
        start = time.perf_counter()
        server.start()
        print(f"first start {time.perf_counter() - start:.2f} s")
        assert server.process is not None
        server.wait_for_web()
        for user in USERS:
            server.add_user(user)
        print(f"memory at rest {processes.resident_kib(server.process.pid) / 1024:.0f} MiB")
        _accept(server, 4 * 1024, options.messages)
        _accept(server, 100 * 1024, options.messages // 8)
        server.stop()
        start = time.perf_counter()
        server.start()
        print(f"start on existing data {time.perf_counter() - start:.2f} s")
        server.stop()


if __name__ == "__main__":
    main()
