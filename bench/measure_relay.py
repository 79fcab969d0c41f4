"""Relay: mail that comes in and goes out at once, beside Postfix; and a long queue with a dead destination."""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.end_to_end.postfix import running_postfix

from bench import peers, smtp_load
from bench.ours import Ours
from bench.sides import SMTP_USERS, Effort
from bench.sink import Sink, running_sink
from bench.table import Row, at_most, times

CONNECTIONS = 20
SIZE = 4096
WAIT_SECONDS = 600.0
MEMORY_MIB = 400.0
_CONTAINER = """<mailetcontainer><spooler><threads>20</threads></spooler><processors>
    <processor state="root">
        <mailet match="All" class="RemoteDelivery">
            <outgoing>outgoing</outgoing><gateway>127.0.0.1:{port}</gateway><deliveryThreads>40</deliveryThreads>
        </mailet>
    </processor>
    <processor state="error"><mailet match="All" class="ToRepository"><repositoryPath>var/mail/error</repositoryPath></mailet></processor>
</processors></mailetcontainer>"""


def measure(effort: Effort) -> list[Row]:
    """Without Postfix there is no peer."""
    rate = in_to_out(effort, with_peer=not peers.is_missing())
    figures = _queued(effort)
    return [
        rate,
        Row("long queue, restart until the first mail goes out", "s", figures["open_seconds"] + figures["first_seconds"], target=at_most(5)),
        Row("long queue with a dead destination, sent", "1/s", figures["rate"]),
        Row("long queue with a dead destination, longest pause", "s", figures["longest_pause_seconds"], target=at_most(1)),
        Row("long queue, memory", "MiB", figures["memory_mib"], target=at_most(MEMORY_MIB)),
    ]  # fmt: skip


def in_to_out(effort: Effort, *, with_peer: bool) -> Row:
    """Ours, and then a Postfix of its own if `with_peer` is set."""
    with running_sink() as sink:
        ours = _ours(effort, sink)
        peer = _postfix(effort, sink) if with_peer else None
    return Row("relay 4 KiB, in to out", "1/s", ours, peer, times(3))


def _ours(effort: Effort, sink: Sink) -> float:
    container = effort.folder / "relay.xml"
    container.write_text(_CONTAINER.format(port=sink.port))
    ours = Ours(effort.folder / "relay", container=container, workers=effort.workers)
    try:
        ours.start_with_users(tuple(SMTP_USERS))
        return _rate(effort, ours.smtp, sink)
    finally:
        ours.stop()


def _postfix(effort: Effort, sink: Sink) -> float:
    # as many deliveries at once as ours
    with running_postfix(
        sink.port, "default_destination_concurrency_limit = 40", "initial_destination_concurrency = 40"
    ) as peer:
        return _rate(effort, peer.port, sink)


def _rate(effort: Effort, port: int, sink: Sink) -> float:
    return median(_once(effort, port, sink) for _ in range(effort.repeats))


def _once(effort: Effort, port: int, sink: Sink) -> float:
    count = effort.of(4000, 1000)
    before, start = sink.taken, time.perf_counter()
    result = smtp_load.run(port, SIZE, CONNECTIONS, count, SMTP_USERS)
    end = start + WAIT_SECONDS
    while sink.taken < before + result.messages:
        if time.perf_counter() > end:
            raise RuntimeError(f"only {sink.taken - before} of {result.messages} mails came out")
        time.sleep(0.002)
    # starting the generator's processes is not the server's time
    return result.messages / (time.perf_counter() - start - result.overhead_seconds)


def _queued(effort: Effort) -> dict[str, float]:
    mails = str(effort.of(100_000, 5000))
    command = [sys.executable, "-m", "bench.queued", "--mails", mails, "--destinations", str(effort.of(1000, 100))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
