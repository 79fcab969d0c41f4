"""Stored forms of passwords."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compostela.base.errors import InvalidArgument
from compostela.core.users.passwords import DEFAULT_ALGORITHM, Algorithm, hash_password, verify_password

NAMES = [
    "NONE", "MD5", "SHA-1", "SHA-256", "SHA-512", "MD5/salted", "SHA-512/legacy", "sha-1/legacy_salted",
    "PBKDF2", "PBKDF2-100-128", "PBKDF2-SHA512-100-512", "PBKDF2-SHA512-100-512/salted",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_knows_its_passwords_again(name: str) -> None:
    stored = hash_password("pässword:1", Algorithm.parse(name))
    assert verify_password("pässword:1", stored)
    assert not verify_password("pässword:2", stored)


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_only_the_same_password_is_right(one: str, other: str) -> None:
    stored = hash_password(one, Algorithm.parse("SHA-512/salted"))
    assert verify_password(other, stored) == (one == other)


def test_the_default_is_strong_and_salted() -> None:
    assert str(DEFAULT_ALGORITHM) == "PBKDF2-SHA512-210000-512/salted"
    assert str(Algorithm.parse("PBKDF2-SHA512")) == "PBKDF2-SHA512-210000-512/plain"
    quick = Algorithm.parse("PBKDF2-SHA512-10-512")
    assert hash_password("secret", quick) != hash_password("secret", quick)


def test_a_known_vector() -> None:
    # base64 of SHA-1 of "secret"
    assert hash_password("secret", Algorithm.parse("SHA-1")).endswith(":5en6G6MezRroT3XKqkdPOmY/BfQ=")


@pytest.mark.parametrize(
    "text", ["", "SHA-3", "PBKDF2-0-512", "PBKDF2-10-7", "MD5-10-512", "SHA-512/sweet", "PBKDF2-99999999-512"]
)
def test_what_is_no_algorithm_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Algorithm.parse(text)
