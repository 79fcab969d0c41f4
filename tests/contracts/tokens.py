"""What judges of access tokens keep to. A subclass gives the fixtures `verifier`, whose provider knows ann@example.org, and `token`,
which is hers."""

import pytest

from compostela.core.authentication.ports import InvalidToken, TokenVerifier
from compostela.model.username import Username


class TokenVerifierContract:
    ports = (TokenVerifier,)

    async def test_a_good_token_names_its_user(self, verifier: TokenVerifier, token: str) -> None:
        assert await verifier.verify(token) == Username("ann@example.org")

    @pytest.mark.parametrize("wrong", ["", "a.b.c", "opaque", "\x00", "é"])
    async def test_anything_else_is_refused(self, verifier: TokenVerifier, wrong: str) -> None:
        with pytest.raises(InvalidToken):
            await verifier.verify(wrong)

    @pytest.mark.parametrize("wrong", ["", "a.b.c", "opaque"])
    async def test_nothing_else_than_a_logout_token_ends_a_session(
        self, verifier: TokenVerifier, token: str, wrong: str
    ) -> None:
        for one in (wrong, token):
            with pytest.raises(InvalidToken):
                await verifier.end_session(one)
        assert await verifier.verify(token) == Username("ann@example.org")

    async def test_it_can_be_closed_twice(self, verifier: TokenVerifier, token: str) -> None:
        await verifier.verify(token)
        await verifier.close()
        await verifier.close()
