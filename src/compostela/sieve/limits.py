"""What a script and one run of it may cost. Each limit has a default; the caller passes an instance of its own to change some."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    script_octets: int = 262_144
    """Size of a script's text in UTF-8."""
    nesting: int = 32
    """Depth of blocks, of tests and of test lists, each (RFC 5228 §2.10.5 asks for at least 15)."""
    problems: int = 20
    """Problems that are reported for one script; reading stops there."""
    steps: int = 100_000
    """Commands that one run executes, included scripts and loops counted."""
    seconds: float = 5.0
    """Duration of one run. Checked between commands, before each costly test, and between the keys of a test of long values."""
    match_work: int = 200_000_000
    """Characters of all values times characters of all patterns, for one test with `:regex`, or with `:matches` and `?`."""
    regex_octets: int = 4_000
    """Length of one regular expression."""
    regexes: int = 200
    """Regular expressions of one script."""
    regex_memory_octets: int = 1 << 19
    """Memory of one compiled regular expression."""
    variables: int = 512
    """Different variables of one run, global ones counted (RFC 5229 §3 asks for at least 128)."""
    variable_characters: int = 8_192
    """Length of a variable's value; a longer one is cut (RFC 5229 §3 asks for at least 4,000)."""
    string_characters: int = 262_144
    """Length of one string, or of all strings of a list, after variables are expanded."""
    text_octets: int = 8_388_608
    """Octets of a message's body that body tests and `extracttext` look at."""
    actions: int = 64
    """Actions of one run (RFC 5228 §2.10.4)."""
    redirects: int = 8
    """`redirect` actions of one run."""
    notifications: int = 4
    """`notify` actions of one run."""
    duplicates: int = 32
    """Different messages that `duplicate` remembers in one run."""
    includes: int = 64
    """`include` commands that one run executes."""
    include_depth: int = 10
    """Nesting of included scripts (RFC 6609 §3.2)."""
    header_edits: int = 64
    """Header fields that one run adds, and deletions that it makes."""
    body_copies: int = 8
    """Different bodies, made by `replace` in parts, that the actions of one run carry."""
    parts: int = 1_000
    """MIME parts of a message that loops and tests look at."""
    part_nesting: int = 30
    """Depth of MIME parts."""
    message_octets: int = 104_857_600
    """Size of a message after `replace` and `enclose`."""


DEFAULT_LIMITS = Limits()
