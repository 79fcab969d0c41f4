"""`python -m bench`: what the server does in a second, what a message or a command costs, how long a client waits, and how
that compares with Debian's Postfix and Dovecot on the same machine in the same run."""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import (
    measure_chain,
    measure_distributed,
    measure_idle,
    measure_imap,
    measure_large,
    measure_news,
    measure_pipeline,
    measure_pop3,
    measure_relay,
    measure_sieve,
    measure_smtp,
    measure_start,
    peers,
    table,
)
from bench.ours import Ours
from bench.sides import Effort, Side


def smtp(effort: Effort, peer: Side | None) -> list[table.Row]:
    ours = Ours(effort.folder / "ours", workers=effort.workers)
    accepting = Ours(effort.folder / "accepting", accept_only=True, workers=effort.workers)
    with contextlib.ExitStack() as stack:
        for side in (ours, accepting):
            stack.callback(side.stop)
            side.start_with_users()
        return measure_smtp.measure(ours, accepting, peer, effort)


def imap(effort: Effort, peer: Side | None) -> list[table.Row]:
    ours = Ours(effort.folder / "ours", workers=effort.workers)
    with contextlib.ExitStack() as stack:
        stack.callback(ours.stop)
        ours.start_with_users()
        return measure_imap.measure(ours, peer, effort)


def pop3(effort: Effort, peer: Side | None) -> list[table.Row]:
    ours = Ours(effort.folder / "ours")
    with contextlib.ExitStack() as stack:
        stack.callback(ours.stop)
        ours.start_with_users()
        return measure_pop3.measure(ours, peer, effort)


GROUPS: dict[str, Callable[[Effort, Side | None], list[table.Row]]] = {
    "smtp": smtp,
    "chain": lambda effort, _: measure_chain.measure(effort),
    "imap": imap,
    "pop3": pop3,
    "start": lambda effort, _: measure_start.measure(effort),
    "idle": lambda effort, _: measure_idle.measure(effort),
    "large": lambda effort, _: measure_large.measure(effort),
    "news": lambda effort, _: measure_news.measure(effort),
    "pipeline": lambda effort, _: measure_pipeline.measure(effort),
    "relay": lambda effort, _: measure_relay.measure(effort),
    "sieve": lambda effort, _: measure_sieve.measure(effort),
}
BY_NAME: dict[str, Callable[[Effort, Side | None], list[table.Row]]] = {
    "distributed": lambda effort, _: measure_distributed.measure(effort)
}
"""Only if asked for: they need what is not on every machine."""
WITH_PEER = {"smtp", "imap", "pop3"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*GROUPS, *BY_NAME],
        metavar="NAME",
        help=f"some of: {', '.join([*GROUPS, *BY_NAME])}; the last one needs running engines (dev/engines)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer messages, one run of each instead of a median of three"
    )
    parser.add_argument("--workers", type=int, default=1, help="worker processes of ours, for smtp and imap")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args()
    rows: list[table.Row] = []
    start = time.perf_counter()
    missing = peers.is_missing()
    if missing:
        print(f"no peer to compare with: {missing}", file=sys.stderr)
    for name in options.only or GROUPS:
        print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr, flush=True)
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="compostela-bench-")))
            folder.chmod(0o755)
            peer = None
            if not missing and name in WITH_PEER:
                peer = stack.enter_context(peers.running_peer(folder / "peer"))
            rows += (GROUPS | BY_NAME)[name](Effort(folder, options.quick, options.workers), peer)
    print(json.dumps([row.as_dict() for row in rows], indent=1) if options.json else table.render(rows))
    print(f"{time.perf_counter() - start:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()
