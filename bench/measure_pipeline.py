"""What the packaged container costs a mail beyond acceptance and delivery."""

import contextlib
from statistics import median

from bench import smtp_load
from bench.measure_smtp import CONNECTIONS, SMALL
from bench.ours import Ours
from bench.processes import CpuMeter
from bench.sides import SMTP_USERS, Effort
from bench.table import Row, at_most
from bench.visible import Counter

DELIVERY_ALONE = """<mailetcontainer><spooler><threads>20</threads></spooler><processors>
    <processor state="root"><mailet match="All" class="LocalDelivery"/></processor>
    <processor state="error"><mailet match="All" class="ToRepository"><repositoryPath>var/mail/error</repositoryPath></mailet></processor>
</processors></mailetcontainer>"""
MOST_MILLISECONDS = 0.5


def measure(effort: Effort) -> list[Row]:
    """The two servers by turns, so that neither has the quieter minutes."""
    container = effort.folder / "delivery-alone.xml"
    container.write_text(DELIVERY_ALONE)
    packaged, bare = Ours(effort.folder / "packaged"), Ours(effort.folder / "bare", container=container)
    count = effort.of(3000, 1000)
    costs: dict[Ours, list[float]] = {packaged: [], bare: []}
    with contextlib.ExitStack() as stack:
        for side in (packaged, bare):
            stack.callback(side.stop)
            side.start_with_users()
            _cost(side, count // 5)
        for _ in range(2 * effort.repeats + 1):
            for side in (packaged, bare):
                costs[side].append(_cost(side, count))
    whole, alone = median(costs[packaged]), median(costs[bare])
    return [
        Row("SMTP 4 KiB, CPU all told with the packaged container", "ms a message", whole),
        Row("SMTP 4 KiB, CPU all told with LocalDelivery alone", "ms a message", alone),
        Row(
            "what the packaged container costs beyond that",
            "ms a message",
            whole - alone,
            None,
            at_most(MOST_MILLISECONDS),
        ),
    ]


def _cost(side: Ours, count: int) -> float:
    """CPU milliseconds of a mail until it is visible."""
    with Counter(side.imap, SMTP_USERS) as counter:
        before, cpu = counter.count(), CpuMeter(side.pids)
        messages = smtp_load.run(side.smtp, SMALL, CONNECTIONS, count, SMTP_USERS).messages
        counter.wait_for(before + messages)
        return cpu.spent() / messages * 1000
