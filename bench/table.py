"""The table of results."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `target` is for `ours`, or for `ours / theirs` when it is a `ratio`; `better` says which way is good."""

    measure: str
    unit: str
    ours: float
    theirs: float | None = None
    target: float | None = None
    is_ratio: bool = False
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def is_met(self) -> bool | None:
        """None when there is no target, or nothing to compare with."""
        value = self.ratio if self.is_ratio else self.ours
        if self.target is None or value is None:
            return None
        return value >= self.target if self.more_is_better else value <= self.target


Report = Callable[[Line], None]


def show(line: Line) -> None:
    """One row, at once: a run is long."""
    theirs = "" if line.theirs is None else f"{line.theirs:.4g}"
    ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
    bound = (
        ""
        if line.target is None
        else f"{'>=' if line.more_is_better else '<='} {line.target:g}{' x' if line.is_ratio else ''}"
    )
    met = {None: "", True: "met", False: "missed"}[line.is_met]
    print(f"{line.measure:<52} {line.ours:>9.4g} {line.unit:<10} {theirs:>9} {ratio:>7} {bound:>10} {met}", flush=True)


def head() -> None:
    print(f"{'measure':<52} {'ours':>9} {'':<10} {'theirs':>9} {'ratio':>7} {'target':>10}")


def as_json(lines: list[Line]) -> str:
    return orjson.dumps(
        [{**asdict(line), "ratio": line.ratio, "met": line.is_met} for line in lines], option=orjson.OPT_INDENT_2
    ).decode()
