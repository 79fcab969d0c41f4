"""Key stores of the type PKCS12: all their keys, and what an attacker might write."""

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from compostela.core.keystores.pkcs12 import protected_keys
from tests.unit.net.tls.files import FOLDER, SECRET

BOTH = (FOLDER / "both.p12").read_bytes()


@pytest.mark.parametrize(("name", "count"), [("both.p12", 2), ("rsa.p12", 1), ("chain.p12", 1), ("trust.p12", 0)])
def test_all_keys_come_out(name: str, count: int) -> None:
    keys = protected_keys((FOLDER / name).read_bytes())
    kinds = [type(load_der_private_key(key, SECRET.encode())) for key in keys]
    assert len(set(kinds)) == len(kinds) == count


def test_a_store_that_is_cut_off_has_none() -> None:
    assert protected_keys(BOTH[:-1]) == []
    assert protected_keys(b"") == []


@given(st.integers(0, len(BOTH) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_octets_raise_anything(at: int, octets: bytes) -> None:
    protected_keys(BOTH[:at] + octets + BOTH[at + len(octets) :])
