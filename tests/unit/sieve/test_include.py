"""Scripts in scripts (RFC 6609)."""

from compostela.sieve.actions import Discard, FileInto, Keep
from compostela.sieve.host import PlainHost
from compostela.sieve.limits import Limits
from compostela.sieve.program import Program
from tests.unit.sieve.scripts import actions, problems, program, run


def host(**scripts: str) -> PlainHost:
    """Names that begin with `global_` are global scripts."""
    found: dict[tuple[str, bool], Program] = {}
    for name, text in scripts.items():
        found[name.removeprefix("global_"), name.startswith("global_")] = program(text)
    return PlainHost(scripts=found)


def test_scripts_run_in_their_order_and_places() -> None:
    """§3.1, §3.2."""
    script = 'require "include"; include :personal "always_allow"; include :global "spam_tests"; include "spam_tests";'
    given = host(
        always_allow='require "fileinto"; fileinto "a";',
        global_spam_tests='require "fileinto"; fileinto "g";',
        spam_tests='require "fileinto"; fileinto "p";',
    )
    assert actions(script, host=given) == [FileInto("a"), FileInto("g"), FileInto("p")]


def test_return_ends_the_script_and_stop_everything() -> None:
    """§3.3."""
    script = 'require ["include", "fileinto"]; include "inner"; fileinto "after";'
    assert actions(script, host=host(inner='require "include"; if true { return; } discard;')) == [FileInto("after")]
    assert actions(script, host=host(inner="discard; stop;")) == [Discard()]
    assert actions('require "include"; return; discard;') == [Keep(is_implicit=True)]


def test_once_and_optional() -> None:
    """§3.2."""
    given = host(inner='require ["variables", "include"]; set "global.a" "${global.a}x";')
    script = """require ["include", "variables", "fileinto"]; include "inner"; include :once "inner"; include "inner";
        include :optional "missing"; fileinto "${global.a}";"""
    assert actions(script, host=given) == [FileInto("xx")]
    assert "does not exist" in str(run('require "include"; include "missing";').failure)


def test_variables_are_local_unless_global() -> None:
    """§3.4."""
    script = """require ["include", "variables", "fileinto"]; global "shared"; set "shared" "s"; set "own" "o";
        include "inner"; fileinto "${own}-${shared}-${global.other}-${inner}";"""
    inner = """require ["include", "variables"]; global ["shared", "other"]; set "inner" "i"; set "other" "t";
        if string "${own}" "" { set "shared" "${shared}2"; }"""
    assert actions(script, host=host(inner=inner)) == [FileInto("o-s2-t-")]
    assert "local already" in str(run('require ["include", "variables"]; set "a" "b"; global "a";').failure)


def test_match_variables_of_an_included_script_are_its_own() -> None:
    script = """require ["include", "variables", "fileinto"];
        if header :matches "Subject" "Min*" { include "inner"; fileinto "${1}"; }"""
    inner = 'require ["variables", "fileinto"]; fileinto "i${1}"; if header :matches "From" "*" { keep; }'
    assert actions(script, host=host(inner=inner)) == [FileInto("i"), Keep(), FileInto("utes of the  meeting")]


def test_flags_are_shared() -> None:
    script = 'require ["include", "imap4flags"]; include "inner"; if hasflag "x" { discard; }'
    assert actions(script, host=host(inner='require "imap4flags"; addflag "x";')) == [Discard()]


def test_scripts_must_not_include_themselves() -> None:
    scripts: dict[tuple[str, bool], Program] = {}
    scripts["a", False] = program('require "include"; include "b";')
    scripts["b", False] = program('require "include"; include "a";')
    outcome = run('require "include"; include "a";', host=PlainHost(scripts=scripts))
    assert "includes itself" in str(outcome.failure)
    assert outcome.actions == (Keep(is_implicit=True),)


def test_depth_and_number_are_limited() -> None:
    scripts = {(f"s{n}", False): program(f'require "include"; include "s{n + 1}";') for n in range(20)}
    scripts["s20", False] = program("discard;")
    outcome = run('require "include"; include "s0";', host=PlainHost(scripts=scripts), limits=Limits(include_depth=5))
    assert "deeper than 5" in str(outcome.failure)
    many = 'require "include";' + 'include "s20";' * 4
    assert "more than 3" in str(run(many, host=PlainHost(scripts=scripts), limits=Limits(includes=3)).failure)


def test_a_failure_tells_both_places() -> None:
    given = host(inner='require ["ihave"];\n error "x";')
    outcome = run('require "include";\n\ninclude "inner";', host=given)
    assert str(outcome.failure) == "line 3, column 1: in an included script, line 2, column 2: x"


def test_names() -> None:
    for script in ('include "a/b";', 'include "";', 'include "${a}";', 'include ["a", "b"];'):
        assert problems(f'require ["include", "variables"]; {script}'), script
