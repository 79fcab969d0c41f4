"""Which user a Kerberos principal is."""

import pytest

from compostela.core.authentication.kerberos import user_of_principal
from compostela.model.username import Username


def test_the_realm_is_the_domain() -> None:
    assert user_of_principal("ann@EXAMPLE.ORG", "EXAMPLE.ORG", virtual_hosting=True) == Username("ann@example.org")
    assert user_of_principal("ann@SUB.EXAMPLE", "EXAMPLE.ORG", virtual_hosting=True) == Username("ann@sub.example")


def test_without_virtual_hosting_only_our_own_realm_has_users() -> None:
    assert user_of_principal("ann@EXAMPLE.ORG", "EXAMPLE.ORG", virtual_hosting=False) == Username("ann")
    assert user_of_principal("ann@SUB.EXAMPLE", "EXAMPLE.ORG", virtual_hosting=False) is None


@pytest.mark.parametrize("virtual_hosting", [True, False])
@pytest.mark.parametrize(
    "principal",
    [
        "Ann@EXAMPLE.ORG", "ann@example.org", "ann@Example.ORG", "ann/admin@EXAMPLE.ORG", "änn@EXAMPLE.ORG", "ann@ÄXAMPLE",
        "ann", "@EXAMPLE.ORG", "ann@", "ann@A@EXAMPLE.ORG", "ann\\@A@EXAMPLE.ORG", "a b@EXAMPLE.ORG", "ann@EXAMPLE.ORG\n", "",
        "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "ann@EXAMPLE..ORG\0",
    ],
)  # fmt: skip
def test_others_are_nobody(principal: str, virtual_hosting: bool) -> None:
    assert user_of_principal(principal, "EXAMPLE.ORG", virtual_hosting=virtual_hosting) is None
