"""Figures with their targets, and how they are shown."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """`check` takes our figure and the peer's; None where it cannot be said because there is no peer."""

    text: str
    check: Callable[[float, float | None], bool | None]


def at_most(value: float) -> Target:
    return Target(f"<= {value:g}", lambda ours, _: ours <= value)


def exactly(value: float) -> Target:
    return Target(f"= {value:g}", lambda ours, _: ours == value)


def times(factor: float) -> Target:
    return Target(f">= {factor:g} x peer", lambda ours, peer: None if peer is None else ours >= factor * peer)


def at_most_times(factor: float) -> Target:
    return Target(f"<= {factor:g} x peer", lambda ours, peer: None if peer is None else ours <= factor * peer)


NO_SLOWER = Target("<= peer", lambda ours, peer: None if peer is None else ours <= peer)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    unit: str
    ours: float
    peer: float | None = None
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.target.check(self.ours, self.peer)

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    def as_dict(self) -> dict[str, object]:
        return {
            "measure": self.name, "unit": self.unit, "ours": self.ours, "peer": self.peer, "ratio": self.ratio,
            "target": self.target.text if self.target else None, "met": self.met,
        }  # fmt: skip


HEADINGS = ("measure", "ours", "peer", "ratio", "target", "")


def render(rows: list[Row]) -> str:
    """A table that is Markdown too."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(_pad(line, widths)) + " |" for line in cells]
    rule = "|" + "|".join(
        "-" * (width + 1) + (":" if 0 < column < 4 else "-") for column, width in enumerate(widths)
    ) + "|"  # fmt: skip
    return "\n".join([lines[0], rule, *lines[1:]])


def _pad(cells: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        cell.rjust(width) if 0 < column < 4 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.name} ({row.unit})",
        _number(row.ours),
        "" if row.peer is None else _number(row.peer),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.target.text if row.target else "",
        {True: "met", False: "missed", None: ""}[row.met],
    )


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
