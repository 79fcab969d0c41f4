"""Reading: the mix of an ordinary client, and the listings that hurt."""

from bench import processes, smtp_load
from bench.imap_load import Connection, MixResult, median_seconds, mix
from bench.systems import LISTED, PASSWORD, USERS, System
from bench.table import Line, Report

READERS = USERS[:10]
MAILBOX = 1000
LISTED_MAILBOX = 10_000


def fill(system: System) -> None:
    for user in READERS:
        system.fill(user, MAILBOX, 4096)
    system.fill(LISTED, LISTED_MAILBOX, 1024)


def _mix(system: System, rounds: int) -> tuple[MixResult, float]:
    """With milliseconds of CPU a command."""
    mix(system.imap, READERS, PASSWORD, 2)
    before = processes.cpu_seconds(system.pids())
    result = mix(system.imap, READERS, PASSWORD, rounds)
    return result, (processes.cpu_seconds(system.pids()) - before) / result.commands * 1000


def mixed(ours: System, theirs: System | None, rounds: int, report: Report) -> None:
    result, cpu = _mix(ours, rounds)
    peer, peer_cpu = _mix(theirs, rounds) if theirs else (None, None)
    report(Line("IMAP mix, 10 connections", "commands/s", result.rate, peer.rate if peer else None, 3, True, True))
    report(Line("  CPU", "ms/command", cpu, peer_cpu, 0.45))
    for name in result.latencies:
        report(
            Line(
                f"  {name}, p50",
                "ms",
                result.percentile(name, 0.5) * 1000,
                peer.percentile(name, 0.5) * 1000 if peer else None,
            )
        )


def listings(ours: System, theirs: System | None, report: Report) -> None:
    first, second = _listings(ours), _listings(theirs) if theirs else {}
    targets = {"FETCH 1:* (UID FLAGS), 10,000": 1.0, "FETCH 1:100 (ENVELOPE BODYSTRUCTURE)": 1.0, "APPEND 4 KiB": 1.0}
    for name, value in first.items():
        report(Line(name, "ms", value, second.get(name), targets.get(name), name in targets))


def _listings(system: System) -> dict[str, float]:
    """Medians, in milliseconds."""
    connection = Connection(system.imap)
    connection.login(LISTED, PASSWORD)
    connection.command(b"SELECT INBOX")
    message = smtp_load.message(4096)[:-3]
    found = {
        "FETCH 1:* (UID FLAGS), 10,000": median_seconds(9, lambda: connection.command(b"FETCH 1:* (UID FLAGS)")),
        "FETCH 1:100 (ENVELOPE BODYSTRUCTURE)": median_seconds(
            9, lambda: connection.command(b"FETCH 1:100 (ENVELOPE BODYSTRUCTURE)")
        ),
        "SEARCH UNSEEN, 10,000": median_seconds(9, lambda: connection.command(b"SEARCH UNSEEN")),
        "APPEND 4 KiB": median_seconds(50, lambda: connection.append(message)),
    }
    connection.close()
    return {name: seconds * 1000 for name, seconds in found.items()}
