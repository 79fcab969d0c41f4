"""`python -m bench`: what the server does in a second, what a message costs, how long clients wait, beside Debian's Postfix
and Dovecot in the same run."""

import argparse
import sys
import time

from bench import imap_measures, peers, rest_measures, smtp_measures
from bench.systems import Theirs
from bench.table import Line, as_json, head, show

PARTS = ("smtp", "imap", "rest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts to measure")
    parser.add_argument("--quick", action="store_true", help="fewer messages and commands: figures are rougher")
    parser.add_argument("--no-peer", action="store_true", help="without Postfix and Dovecot")
    parser.add_argument("--json", action="store_true", help="the table as JSON, at the end")
    options = parser.parse_args()
    lines: list[Line] = []

    def report(line: Line) -> None:
        lines.append(line)
        if not options.json:
            show(line)

    messages, rounds = (2000, 10) if options.quick else (8000, 60)
    theirs = None
    if not options.no_peer and set(options.only) & {"smtp", "imap"}:
        if peers.is_installed():
            theirs = Theirs()
        else:
            print(f"The peer is missing, so nothing is compared: {peers.NEEDED}", file=sys.stderr)
    if not options.json:
        head()
    ours = rest_measures.start(report)
    try:
        if "smtp" in options.only:
            rate = smtp_measures.accepting(ours, theirs, messages, report)
            smtp_measures.visible(ours, rate, report)
        if "imap" in options.only:
            for system in (ours, theirs):
                if system is not None:
                    imap_measures.fill(system)
            imap_measures.mixed(ours, theirs, rounds, report)
            imap_measures.listings(ours, theirs, report)
        if "rest" in options.only:
            rest_measures.idle_sessions(ours, report)
            rest_measures.big_mailbox(ours, report)
            rest_measures.restart(ours, report)
    finally:
        ours.stop()
        if theirs is not None:
            theirs.stop()
            time.sleep(0.5)
    if options.json:
        print(as_json(lines))


if __name__ == "__main__":
    main()
