"""Nothing that a script does goes on without a limit; the mail is kept."""

import time
import tracemalloc

import pytest

from compostela.sieve.actions import FileInto, Keep
from compostela.sieve.host import MessageBytes
from compostela.sieve.limits import Limits
from tests.unit.sieve.mails import MAILS
from tests.unit.sieve.scripts import actions, message, problems, run


@pytest.mark.parametrize(
    ("script", "limits", "complaint"),
    [
        ("keep;" * 20, Limits(steps=10), "more than 10 commands"),
        ('require "fileinto";' + "".join(f'fileinto "{n}";' for n in range(5)), Limits(actions=4), "more than 4 actions"),
        ("".join(f'redirect "a{n}@example.com";' for n in range(5)), Limits(redirects=4), "more than 4 redirects"),
        ('require "enotify";' + 'notify "mailto:a@b.example";' * 3, Limits(notifications=2), "more than 2 notifications"),
        ('require "variables";' + "".join(f'set "v{n}" "x";' for n in range(5)), Limits(variables=4), "more than 4 variables"),
        ('require ["variables", "fileinto"]; set "a" "xxxx"; fileinto "${a}${a}${a}";', Limits(string_characters=10),
         "longer than 10 characters"),
        ('require "editheader";' + 'addheader "X" "y";' * 3, Limits(header_edits=2), "more than 2 times"),
        ('require "duplicate";' + "".join(f'if duplicate :uniqueid "{n}" {{ stop; }}' for n in range(3)),
         Limits(duplicates=2), "more than 2 messages"),
        ('require "replace"; replace "0123456789";', Limits(message_octets=100), "larger than 100 octets"),
        ('require "foreverypart"; foreverypart { foreverypart { foreverypart { keep; } } }', Limits(steps=5),
         "more than 5 commands"),
        ('keep; if true { keep; }', Limits(seconds=-1), "longer than -1 seconds"),
    ],
)  # fmt: skip
def test_a_run_is_limited(script: str, limits: Limits, complaint: str) -> None:
    outcome = run(script, "multipart", limits=limits)
    assert complaint in str(outcome.failure)
    assert outcome.actions == (Keep(is_implicit=True),)


def test_a_script_is_limited() -> None:
    assert "larger than 10 octets" in problems("keep; keep; keep;", Limits(script_octets=10))[0].message
    deep = "if true {" * 20 + "keep;" + "}" * 20
    assert "nested deeper than 10" in problems(deep, Limits(nesting=10))[0].message
    tests = "if " + "not " * 20 + "true { keep; }"
    assert "nested deeper than 10" in problems(tests, Limits(nesting=10))[0].message
    assert len(problems("foo; " * 100, Limits(problems=7))) == 7
    assert len(problems("keep x y;\n" * 100, Limits(problems=7))) == 7
    assert (
        "longer than 5 octets"
        in problems('require "regex"; if header :regex "a" "abcdef" { stop; }', Limits(regex_octets=5))[0].message
    )


def test_a_long_value_is_cut() -> None:
    """RFC 5229 §3."""
    script = 'require ["variables", "fileinto"]; set "a" "abcdef"; fileinto "${a}";'
    assert actions(script, limits=Limits(variable_characters=4)) == [FileInto("abcd")]


def test_values_do_not_grow_without_limit() -> None:
    script = 'require ["variables"]; set "a" "0123456789"; ' + 'set "a" "${a}${a}${a}${a}${a}${a}${a}${a}";' * 50
    begin = time.process_time()
    assert run(script).failure is None
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    "test",
    [
        'body :raw :matches "' + "*a" * 500 + '*b"',
        'body :raw :matches "' + "*a?" * 30 + '*b"',
        'body :raw :matches "*' + "?" * 2_000 + 'b*"',
        'body :raw :regex "' + "(a*)*" * 30 + 'b"',
        'body :raw :regex "(a|aa)+$b"',
        'body :raw :contains "' + "a" * 2_000 + 'b"',
    ],
)
def test_hostile_patterns_end_soon(test: str) -> None:
    """A backtracking matcher would not end within the age of the universe."""
    hostile = MessageBytes(MAILS["bare"], b"a" * 1_000_000)
    begin = time.process_time()
    outcome = run(f'require ["body", "regex", "variables"]; if {test} {{ stop; }}', hostile)
    assert outcome.actions == (Keep(is_implicit=True),)
    assert time.process_time() - begin < 20


def test_a_large_repetition_is_refused() -> None:
    script = 'require "regex"; if header :regex "a" "{}" {{ stop; }}'
    assert "invalid regular expression" in problems(script.format("((a{1000}){1000}){1000}"))[0].message


def test_only_the_first_parts_and_octets_of_a_body_are_looked_at() -> None:
    body = "".join(f"--x\n\npart {n}\n" for n in range(50))
    many = message(f'Content-Type: multipart/mixed; boundary="x"\n\n{body}--x--\n')
    script = 'require "body"; if body :text :contains "part 40" { discard; }'
    assert actions(script, many) != [Keep(is_implicit=True)]
    assert actions(script, many, limits=Limits(parts=20)) == [Keep(is_implicit=True)]
    assert actions(script, many, limits=Limits(text_octets=100)) == [Keep(is_implicit=True)]


def test_a_deep_mail_is_walked() -> None:
    nested = "Content-Type: message/rfc822\n\n" * 200 + "Subject: x\n\nbody\n"
    script = 'require ["foreverypart", "mime"]; foreverypart { if header :mime "Subject" "x" { discard; } }'
    assert run(script, message(nested)).failure is None


def test_a_long_list_of_fields_is_cut() -> None:
    header = "X-A: 1\n" * 20_000
    script = """require ["relational", "comparator-i;ascii-numeric"];
        if header :count "gt" :comparator "i;ascii-numeric" "X-A" "5000" { discard; }"""
    assert actions(script, message(header + "\n")) == [Keep(is_implicit=True)]


def test_loops_without_commands_count_too() -> None:
    script = 'require "foreverypart"; ' + "foreverypart {" * 12 + "}" * 12
    nested = "Content-Type: message/rfc822\n\n" * 28 + "\nx\n"
    assert "more than" in str(run(script, message(nested)).failure)


def test_regular_expressions_of_a_script_are_counted() -> None:
    keys = ", ".join(f'"a{n}"' for n in range(6))
    script = f'require "regex"; if header :regex "a" [{keys}] {{ stop; }}'
    assert "more than 5 regular expressions" in problems(script, Limits(regexes=5))[0].message
    assert run(script, limits=Limits(regexes=6)).failure is None


def test_versions_of_the_body_are_counted() -> None:
    script = 'require ["foreverypart", "replace", "fileinto", "variables", "mime"]; foreverypart { set "a" "${a}x"; '
    script += 'if header :mime :type "Content-Type" "text" { replace "gone"; fileinto "${a}"; } }'
    assert run(script, "multipart", limits=Limits(body_copies=2)).failure is None
    assert "more than 1 versions" in str(run(script, "multipart", limits=Limits(body_copies=1)).failure)


@pytest.mark.slow
def test_a_nested_mail_is_not_copied_for_each_level() -> None:
    text = MessageBytes.of(b"Content-Type: message/rfc822\r\n\r\n" * 25 + b"\r\n" + b"x" * 8_000_000)
    script = """require ["foreverypart", "mime", "body"]; foreverypart { if header :mime "X" "y" { discard; } }
        if body :content "text" :contains "nothing" { discard; }"""
    tracemalloc.start()
    try:
        assert actions(script, text) == [Keep(is_implicit=True)]
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


def test_many_tests_on_a_body_keep_few_copies_of_it() -> None:
    text = MessageBytes.of(b"Subject: x\r\n\r\n" + b"x" * 1_000_000)
    tests = "".join(f'if body :content ["text", "x{n}"] "y" {{ discard; }}' for n in range(60))
    tracemalloc.start()
    try:
        assert actions(f'require "body"; {tests}', text) == [Keep(is_implicit=True)]
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_many_tests_on_a_long_header_keep_few_copies_of_it() -> None:
    text = MessageBytes.of(b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n")
    tests = "".join(f'if header ["Subject", "x{n}"] "y" {{ discard; }}' for n in range(60))
    tracemalloc.start()
    try:
        assert actions(tests, text) == [Keep(is_implicit=True)]
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_the_clock_is_looked_at_in_long_blocks() -> None:
    patterns = ", ".join(f'"*{"?" * 40}{n}*"' for n in range(10))
    text = MessageBytes.of(b"Subject: " + b"x" * 300_000 + b"\r\n\r\n")
    script = f'if header :matches "Subject" [{patterns}] {{ discard; }}\n' * 40
    begin = time.monotonic()
    assert "longer than 0.5 seconds" in str(run(script, text, limits=Limits(seconds=0.5)).failure)
    assert time.monotonic() - begin < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [
        "body :contains [{}] ",
        "body :matches [{}] ",
        'body :value "gt" [{}] ',
        'address :value "gt" "To" [{}] ',
    ],
)
def test_the_clock_is_looked_at_within_a_test_with_many_keys(test: str) -> None:
    keys = ", ".join(f'"{"z" * 40}{n}y"' for n in range(5_000))
    text = MessageBytes.of(b"To: " + b"a@b.example, " * 50_000 + b"\r\n\r\n" + b"z" * 8_000_000)
    script = 'require ["body", "relational"]; if ' + test.format(keys) + "{ discard; }"
    begin = time.monotonic()
    assert "longer than 0.01 seconds" in str(run(script, text, limits=Limits(seconds=0.01)).failure)
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    "script",
    [
        'if header ["To", {}] "x" {{ discard; }}',
        'if address ["To", {}] "x" {{ discard; }}',
        'require "index"; if header :index 1 ["To", {}] "x" {{ discard; }}',
    ],
)
def test_a_field_that_is_named_many_times_is_looked_at_once(script: str) -> None:
    names = ", ".join(['"to"'] * 2_000)
    text = MessageBytes.of(b"To: " + b"a@b.example, " * 2_000 + b"\r\n\r\n")
    tracemalloc.start()
    try:
        assert actions(script.format(names), text) == [Keep(is_implicit=True)]
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_the_strings_of_a_list_are_bounded_together() -> None:
    script = (
        'require "variables"; set "a" "'
        + "x" * 8_000
        + '"; if string ['
        + ", ".join(['"${a}${a}"'] * 500)
        + '] "y" { stop; }'
    )
    failure = run(script, MessageBytes.of(b"\r\n")).failure
    assert "the strings of a list with their variables are longer than 262144 characters" in str(failure)
