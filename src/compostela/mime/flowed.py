"""Text in the form `format=flowed` (RFC 3676): a line that ends in a blank goes on in the next one."""

from collections.abc import Iterator

SIGNATURE = "-- "
"""The line before a signature ends in a blank and does not go on (§4.3)."""


def flow(text: str, width: int, *, delsp: bool = False) -> str:
    """Break paragraphs into lines of at most `width` characters where there are blanks. `delsp` adds the blank that says that a line goes
    on to the one that is there (§4.1)."""
    return "\r\n".join(line for paragraph in _lines(text) for line in _broken(paragraph, width, delsp))


def _broken(paragraph: str, width: int, delsp: bool) -> Iterator[str]:
    depth, rest = _quote(paragraph)
    marks = ">" * depth
    if rest == SIGNATURE:
        yield f"{marks} {rest}" if depth else rest
        return
    rest = rest.rstrip(" ")
    while True:
        start = _stuffed(marks, rest)
        room = width - len(start) - (1 if delsp else 0)
        at = -1 if len(rest) <= room else rest.rfind(" ", 1, max(room, 1))
        if at < 0 and len(rest) > room:
            at = rest.find(" ", max(room, 1))  # a word that is too long stays whole
        if at < 0:
            yield start + rest
            return
        yield start + rest[: at + 1] + (" " if delsp else "")
        rest = rest[at + 1 :]


def _stuffed(marks: str, rest: str) -> str:
    """What comes before a line: its quote marks, and a blank where a reader would mistake the line (§4.4)."""
    if marks:
        return f"{marks} "
    return " " if rest.startswith((" ", ">", "From ")) else ""


def deflow(text: str, *, delsp: bool = False) -> str:
    """Join the lines that go on, so that each paragraph is one line. A line whose quote depth changes does not go on (§4.5)."""
    out: list[str] = []
    open_depth: int | None = None
    for line in _lines(text):
        depth, rest = _quote(line, flowed=True)
        goes_on = rest.endswith(" ") and rest != SIGNATURE
        shown = rest[:-1] if goes_on and delsp else rest
        if open_depth == depth and rest != SIGNATURE:
            out[-1] += shown
        else:
            out.append(f"{'>' * depth} {shown}" if depth else shown)
        open_depth = depth if goes_on else None
    return "\r\n".join(out)


def join_quotes(text: str, width: int) -> str:
    """Join lines of a quote that a mail program has broken. A line goes on if the first word of the next one did not fit into `width` characters; with a
    negative width the longest line of the quote says how much fitted, give or take so many characters."""
    out: list[str] = []
    lines = _lines(text)
    for number, line in enumerate(lines):
        depth, rest = _quote(line)
        if out and depth and rest and _goes_on(lines, number - 1, depth, rest, width):
            out[-1] += " " + rest
        else:
            out.append(line)
    return "\r\n".join(out)


def _goes_on(lines: list[str], number: int, depth: int, following: str, width: int) -> bool:
    line = lines[number]
    own_depth, rest = _quote(line)
    if own_depth != depth or not rest:
        return False
    fits = width if width > 0 else _longest(lines, number, depth) + width
    return len(line) + 1 + len(following.split(" ", 1)[0]) > fits


def _longest(lines: list[str], number: int, depth: int) -> int:
    """Characters of the longest line of the quote that a line is in."""
    first = last = number
    while first > 0 and _quote(lines[first - 1])[0] == depth:
        first -= 1
    while last + 1 < len(lines) and _quote(lines[last + 1])[0] == depth:
        last += 1
    return max(len(line) for line in lines[first : last + 1])


def _lines(text: str) -> list[str]:
    """Other than `splitlines` it keeps an empty last line, and breaks at line ends of mail alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _quote(line: str, *, flowed: bool = False) -> tuple[int, str]:
    """Depth and text of a line. Only flowed text has its marks without blanks between them."""
    depth = at = 0
    while at < len(line):
        if line[at] == ">":
            depth += 1
        elif flowed or line[at] != " " or not line[at + 1 :].startswith(">") or not depth:
            break
        at += 1
    rest = line[at:]
    if rest.startswith(" ") and (depth or flowed):
        rest = rest[1:]
    return depth, rest
