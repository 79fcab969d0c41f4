"""What a script and one run of it may cost. Each limit has a default; the caller passes an instance of its own to change some.

Those with an annotation are elements of `sieve.properties`.
"""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Duration, Integer, Parsed, Size
from compostela.base.errors import InvalidArgument
from compostela.base.units import parse_size

MAX_SCRIPT_OCTETS = 16_777_216
"""The largest limit of a script that can be set: it is read into memory."""


def _script_size(text: str) -> int:
    octets = parse_size(text)
    if not 1 <= octets <= MAX_SCRIPT_OCTETS:
        raise InvalidArgument(f"must be from 1 to {MAX_SCRIPT_OCTETS} octets, but is {text!r}")
    return octets


@dataclass(frozen=True, slots=True)
class Limits:
    script_octets: Annotated[
        int, Parsed("script.size", _script_size, f"size (a bare number is in B), from 1 to {MAX_SCRIPT_OCTETS}")
    ] = 262_144
    """Size of a script's text in UTF-8."""
    nesting: int = 32
    """Depth of blocks, of tests and of test lists, each (RFC 5228 §2.10.5 asks for at least 15)."""
    problems: int = 20
    """Problems that are reported for one script; reading stops there."""
    steps: Annotated[int, Integer("run.steps", minimum=1)] = 100_000
    """Commands that one run executes, included scripts and loops counted."""
    seconds: Annotated[float, Duration("run.time", minimum=0.1)] = 5.0
    """Duration of one run. Checked between commands, before each costly test, and between the keys of a test of long values."""
    match_work: int = 200_000_000
    """Characters of all values times characters of all patterns, for one test with `:regex`, or with `:matches` and `?`."""
    regex_octets: int = 4_000
    """Length of one regular expression."""
    regexes: int = 200
    """Regular expressions of one script."""
    regex_memory_octets: Annotated[int, Size("run.regexMemory")] = 1 << 19
    """Memory of one compiled regular expression."""
    variables: Annotated[int, Integer("run.variables", minimum=128)] = 512
    """Different variables of one run, global ones counted (RFC 5229 §3 asks for at least 128)."""
    variable_characters: int = 8_192
    """Length of a variable's value; a longer one is cut (RFC 5229 §3 asks for at least 4,000)."""
    string_characters: int = 262_144
    """Length of one string, or of all strings of a list, after variables are expanded."""
    text_octets: Annotated[int, Size("run.bodySize")] = 8_388_608
    """Octets of a message's body that body tests and `extracttext` look at."""
    actions: Annotated[int, Integer("run.actions", minimum=1)] = 64
    """Actions of one run (RFC 5228 §2.10.4)."""
    redirects: Annotated[int, Integer("run.redirects", minimum=0)] = 8
    """`redirect` actions of one run."""
    notifications: Annotated[int, Integer("run.notifications", minimum=0)] = 4
    """`notify` actions of one run."""
    duplicates: Annotated[int, Integer("run.duplicates", minimum=0)] = 32
    """Different messages that `duplicate` remembers in one run."""
    includes: Annotated[int, Integer("run.includes", minimum=0)] = 64
    """`include` commands that one run executes."""
    include_depth: Annotated[int, Integer("run.includeDepth", minimum=1, maximum=50)] = 10
    """Nesting of included scripts (RFC 6609 §3.2)."""
    header_edits: int = 64
    """Header fields that one run adds, and deletions that it makes."""
    body_copies: int = 8
    """Different bodies, made by `replace` in parts, that the actions of one run carry."""
    parts: int = 1_000
    """MIME parts of a message that loops and tests look at."""
    part_nesting: int = 30
    """Depth of MIME parts."""
    message_octets: Annotated[int, Size("run.messageSize")] = 104_857_600
    """Size of a message after `replace` and `enclose`."""


DEFAULT_LIMITS = Limits()
