"""What the handlers of the sample configuration cost until 250."""

import contextlib
from statistics import median

from bench import smtp_load
from bench.measure_smtp import CONNECTIONS, SMALL
from bench.ours import VALID_RECIPIENT, Ours
from bench.processes import CpuMeter
from bench.sides import SMTP_USERS, Effort
from bench.table import Row, at_most_times, times


def measure(effort: Effort) -> list[Row]:
    """The two servers by turns, so that neither has the quieter minutes. `peer` is ours with ValidRcptHandler alone."""
    sample = Ours(effort.folder / "sample", accept_only=True)
    bare = Ours(effort.folder / "bare", accept_only=True, handlers=VALID_RECIPIENT)
    count = effort.of(8000, 3000)
    rates: dict[Ours, list[float]] = {sample: [], bare: []}
    costs: dict[Ours, list[float]] = {sample: [], bare: []}
    with contextlib.ExitStack() as stack:
        for side in (sample, bare):
            stack.callback(side.stop)
            side.start_with_users()
            smtp_load.run(side.smtp, SMALL, CONNECTIONS, count // 10, SMTP_USERS)
        for _ in range(2 * effort.repeats + 1):
            for side in (sample, bare):
                cpu = CpuMeter(side.pids)
                result = smtp_load.run(side.smtp, SMALL, CONNECTIONS, count, SMTP_USERS)
                rates[side].append(result.rate)
                costs[side].append(cpu.spent() / result.messages * 1000)
    name = "SMTP 4 KiB, the sample's handlers beside ValidRcptHandler alone"
    return [
        Row(f"{name}, accepted", "1/s", median(rates[sample]), median(rates[bare]), times(0.9)),
        Row(f"{name}, CPU until 250", "ms a message", median(costs[sample]), median(costs[bare]), at_most_times(1.1)),
    ]
