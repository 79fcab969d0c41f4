"""MTA-STS policies: what is written is read, and nothing that is read does harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.core.autoconfiguration.mta_sts import MtaStsPolicy, own_policy, parse_policy
from compostela.core.autoconfiguration.settings import MtaStsMode

hosts = st.lists(st.from_regex(r"(\*\.)?[a-z]{1,8}\.example", fullmatch=True), min_size=1, max_size=4)


@pytest.mark.slow
@given(st.sampled_from(MtaStsMode), hosts, st.integers(0, 31_557_600))
def test_what_is_written_is_read(mode: MtaStsMode, names: list[str], max_age: int) -> None:
    policy = own_policy(mode, names, max_age)
    assert parse_policy(policy.text) == policy


@given(st.text(alphabet="version:STSv1\r\nmodexag_ 0", max_size=200))
def test_any_text_is_a_policy_or_a_value_error(text: str) -> None:
    try:
        parse_policy(text)
    except ValueError:
        return


def test_an_empty_exchanger_makes_no_policy_that_no_host_meets() -> None:
    with pytest.raises(ValueError, match="an 'mx' is empty"):
        parse_policy("version: STSv1\nmode: enforce\nmx:\nmax_age: 100\n")


def test_the_id_changes_with_the_policy_alone() -> None:
    one = own_policy(MtaStsMode.TESTING, ["mail.example.org"], 86_400)
    assert one.id == own_policy(MtaStsMode.TESTING, ["mail.example.org"], 86_400).id
    assert one.id != own_policy(MtaStsMode.ENFORCE, ["mail.example.org"], 86_400).id
    assert one.id.isalnum()
    assert len(one.id) <= 32


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("mail.example.org", True),
        ("MAIL.example.org.", True),
        ("mx.example.net", True),
        ("a.mx.example.net", False),
        ("example.net", False),
        ("other.example.org", False),
    ],
)
def test_patterns_stand_for_one_label(host: str, covered: bool) -> None:
    assert MtaStsPolicy("enforce", ("mail.example.org", "*.example.net"), 1).covers(host) is covered
