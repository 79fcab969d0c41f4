"""Tokens of a real provider, and of a broken one."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from compostela.adapters.in_process.known_tokens import InProcessKnownTokens
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.oidc import keys as keys_module
from compostela.adapters.oidc.verifier import OidcTokenVerifier
from compostela.base.clock import Clock, SystemClock
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.ended_sessions import EndedSessions
from compostela.core.authentication.oidc import OidcSettings
from compostela.core.authentication.ports import InvalidToken, TokenVerifier
from compostela.model.username import Username
from compostela.testing.clock import FakeClock
from tests.contracts.tokens import TokenVerifierContract
from tests.identity_provider import (
    AUDIENCE,
    CLIENT,
    INTROSPECTION_AUTH,
    IdentityProvider,
    needs_identity_provider,
    running_provider,
)
from tests.scripted_provider import ScriptedProvider

ANN = Username("ann@example.org")


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with running_provider() as running:
        yield running


def settings_of(provider: IdentityProvider) -> OidcSettings:
    return OidcSettings(
        configuration_url=provider.configuration_url,
        jwks_url=provider.jwks_url,
        claim="email",
        scope="openid",
        audiences=(AUDIENCE, CLIENT),
    )


@asynccontextmanager
async def verifying(settings: OidcSettings, clock: Clock | None = None) -> AsyncIterator[OidcTokenVerifier]:
    clock = clock or SystemClock()
    ended, known = EndedSessions(InProcessRecentLogins(clock)), InProcessKnownTokens(clock)
    verifier = OidcTokenVerifier(settings, clock, ended, known)
    try:
        yield verifier
    finally:
        await verifier.close()


@needs_identity_provider
class TestRealProvider:
    async def test_a_jwt_names_its_user_by_the_claim_that_is_set(self, provider: IdentityProvider) -> None:
        async with verifying(settings_of(provider)) as verifier:
            assert await verifier.verify(provider.jwt("ann")) == ANN
        async with verifying(replace(settings_of(provider), claim="preferred_username")) as verifier:
            assert await verifier.verify(provider.jwt("ann")) == Username("ann")

    async def test_the_keys_are_found_by_discovery(self, provider: IdentityProvider) -> None:
        async with verifying(replace(settings_of(provider), jwks_url="")) as verifier:
            assert await verifier.verify(provider.jwt("ann")) == ANN

    async def test_a_jwt_for_another_audience_is_refused(self, provider: IdentityProvider) -> None:
        async with verifying(settings_of(provider)) as verifier:
            with pytest.raises(InvalidToken, match="aud"):
                await verifier.verify(provider.jwt("ann", audience="urn:other"))

    async def test_any_audience_will_do_when_none_is_set(self, provider: IdentityProvider) -> None:
        async with verifying(replace(settings_of(provider), audiences=())) as verifier:
            assert await verifier.verify(provider.jwt("ann", audience="urn:other")) == ANN

    async def test_a_claim_that_is_not_there_names_nobody(self, provider: IdentityProvider) -> None:
        async with verifying(replace(settings_of(provider), claim="upn")) as verifier:
            with pytest.raises(InvalidToken, match="upn"):
                await verifier.verify(provider.jwt("ann"))

    async def test_a_changed_jwt_is_refused(self, provider: IdentityProvider) -> None:
        head, body, signature = provider.jwt("ann").split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"email": "bob@example.org"}
        changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        async with verifying(settings_of(provider)) as verifier:
            with pytest.raises(InvalidToken):
                await verifier.verify(f"{head}.{changed}.{signature}")

    async def test_a_jwt_past_its_end_is_refused(self, provider: IdentityProvider) -> None:
        class Tomorrow(SystemClock):
            def now(self) -> float:  # type: ignore[override]
                return SystemClock.now() + 86_400

        async with verifying(settings_of(provider), Tomorrow()) as verifier:
            with pytest.raises(InvalidToken, match="expired"):
                await verifier.verify(provider.jwt("ann", lifetime=60))

    async def test_userinfo_must_know_the_token(self, provider: IdentityProvider) -> None:
        # the provider gives userinfo for opaque tokens alone, so it refuses this one
        settings = replace(settings_of(provider), userinfo_url=provider.userinfo_url)
        async with verifying(settings) as verifier:
            with pytest.raises(InvalidToken):
                await verifier.verify(provider.jwt("ann"))

    async def test_an_opaque_token_is_judged_by_introspection(self, provider: IdentityProvider) -> None:
        settings = replace(
            settings_of(provider), introspection_url=provider.introspection_url, introspection_auth=INTROSPECTION_AUTH
        )
        token = provider.opaque("ann")
        async with verifying(settings) as verifier:
            assert await verifier.verify(token) == ANN
            provider.revoke(token)
            with pytest.raises(InvalidToken, match="not active"):
                await verifier.verify(token)

    async def test_an_opaque_token_of_another_client_is_refused(self, provider: IdentityProvider) -> None:
        settings = replace(
            settings_of(provider),
            audiences=(AUDIENCE,),
            introspection_url=provider.introspection_url,
            introspection_auth=INTROSPECTION_AUTH,
        )
        async with verifying(settings) as verifier:
            with pytest.raises(InvalidToken, match="another service"):
                await verifier.verify(provider.opaque("ann"))

    async def test_an_opaque_token_without_introspection_is_refused(self, provider: IdentityProvider) -> None:
        async with verifying(settings_of(provider)) as verifier:
            with pytest.raises(InvalidToken, match="no JWT"):
                await verifier.verify(provider.opaque("ann"))

    async def test_introspection_that_refuses_us_is_a_temporary_failure(self, provider: IdentityProvider) -> None:
        settings = replace(
            settings_of(provider), introspection_url=provider.introspection_url, introspection_auth="Basic eDp5"
        )
        async with verifying(settings) as verifier:
            with pytest.raises(TemporaryFailure):
                await verifier.verify(provider.opaque("ann"))


@pytest.fixture
async def server() -> AsyncIterator[ScriptedProvider]:
    async with ScriptedProvider().running() as running:
        yield running


class Hours(SystemClock):
    """A monotonic clock that a test moves."""

    passed = 0.0

    def monotonic(self) -> float:  # type: ignore[override]
        return 1000.0 + self.passed


class TestClaims:
    @pytest.mark.parametrize(
        "changed",
        [
            {"iss": "https://evil.example"},
            {"iss": None},
            {"aud": None},
            {"aud": []},
            {"aud": {"urn:mail": 1}},
            {"exp": None},
            {"exp": "tomorrow"},
            {"exp": 1},
            {"nbf": 4_000_000_000},
            {"email": None},
            {"email": ["ann@example.org"]},
            {"email": "@"},
            {"email_verified": False},
            {"email_verified": "false"},
            {"email_verified": 0},
        ],
        ids=str,
    )
    async def test_what_must_be_right(self, server: ScriptedProvider, changed: dict[str, object]) -> None:
        async with verifying(server.settings()) as verifier:
            assert await verifier.verify(server.token()) == ANN
            with pytest.raises(InvalidToken):
                await verifier.verify(server.token(**changed))

    @pytest.mark.parametrize(
        "changed",
        [
            {"aud": ["urn:other", AUDIENCE]},
            {"email": "ANN@Example.ORG"},
            {"email_verified": True},
            {"email_verified": "true"},
        ],
        ids=str,
    )
    async def test_what_is_right_in_other_forms(self, server: ScriptedProvider, changed: dict[str, object]) -> None:
        async with verifying(server.settings()) as verifier:
            assert await verifier.verify(server.token(**changed)) == ANN

    async def test_keys_and_certificates_in_the_header_are_not_looked_at(self, server: ScriptedProvider) -> None:
        other = RSAKey.generate_key(2048, {"kid": "one"})
        shown: dict[str, object] = {
            "jwk": other.as_dict(private=False),
            "jku": "http://127.0.0.1:1/",
            "x5c": ["A" * 3000],
        }
        async with verifying(server.settings()) as verifier:
            assert await verifier.verify(server.token(header={"x5c": ["A" * 3000]})) == ANN
            server.key = other
            with pytest.raises(InvalidToken, match="not accepted"):
                await verifier.verify(server.token(header=shown))

    async def test_a_shared_secret_signs_nothing(self, server: ScriptedProvider) -> None:
        secret = OctKey.import_key({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"})
        claims = {"iss": server.url, "aud": AUDIENCE, "email": "ann@example.org", "exp": 4_000_000_000}
        signed = jwt.encode({"alg": "HS256", "kid": "secret"}, claims, secret)
        async with verifying(server.settings()) as verifier:
            with pytest.raises(InvalidToken, match="not accepted"):
                await verifier.verify(signed)

    @pytest.mark.parametrize("token", ["..", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "ü.ü.ü"])
    async def test_what_is_no_token(self, server: ScriptedProvider, token: str) -> None:
        async with verifying(server.settings()) as verifier:
            with pytest.raises(InvalidToken):
                await verifier.verify(token)


class TestEndedSessions:
    async def test_tokens_of_a_session_that_the_provider_ended_are_refused(self, server: ScriptedProvider) -> None:
        settings = server.settings(introspection_url=f"{server.url}/introspect")
        async with verifying(settings) as verifier:
            server.introspection = {"active": True, "email": "ann@example.org", "aud": AUDIENCE, "sid": "s1"}
            for token in (server.token(sid="s1"), "opaque"):
                assert await verifier.verify(token) == ANN
            await verifier.end_session(server.logout_token())
            for token in (server.token(sid="s1"), "opaque"):
                with pytest.raises(InvalidToken, match="ended"):
                    await verifier.verify(token)
            assert await verifier.verify(server.token(sid="s2")) == ANN
            assert await verifier.verify(server.token()) == ANN, "a token without a session"

    @pytest.mark.parametrize(
        "changed",
        [
            {"iss": "https://evil.example"},
            {"exp": 1},
            {"sid": None},
            {"sid": ""},
            {"sid": 7},
            {"sid": "s" * 257},
            {"events": None},
            {"events": {"https://example.org/other": {}}},
            {"nonce": "n"},
        ],
        ids=str,
    )
    async def test_what_ends_no_session(self, server: ScriptedProvider, changed: dict[str, object]) -> None:
        async with verifying(server.settings()) as verifier:
            with pytest.raises(InvalidToken):
                await verifier.end_session(server.logout_token(**changed))
            assert await verifier.verify(server.token(sid="s1")) == ANN

    async def test_only_the_provider_ends_sessions(self, server: ScriptedProvider) -> None:
        async with verifying(server.settings()) as verifier:
            with pytest.raises(InvalidToken):
                await verifier.end_session(server.token(sid="s1"))
            assert await verifier.verify(server.token(sid="s1")) == ANN
            server.key = RSAKey.generate_key(2048, {"kid": "one"})
            for token in (server.logout_token(), "opaque", "a.b.c"):
                with pytest.raises(InvalidToken):
                    await verifier.end_session(token)


class TestSecondOpinion:
    async def test_introspection_must_name_the_same_user(self, server: ScriptedProvider) -> None:
        async with verifying(server.settings(introspection_url=f"{server.url}/introspect")) as verifier:
            server.introspection = {"active": True, "email": "ann@example.org"}
            assert await verifier.verify(server.token()) == ANN
            server.introspection = {"active": True, "email": "bob@example.org"}
            with pytest.raises(InvalidToken, match="another user"):
                await verifier.verify(server.token())
            server.introspection = {"active": "true", "email": "ann@example.org"}
            with pytest.raises(InvalidToken, match="not active"):
                await verifier.verify(server.token())

    async def test_userinfo_must_name_the_same_user(self, server: ScriptedProvider) -> None:
        async with verifying(server.settings(userinfo_url=f"{server.url}/me")) as verifier:
            server.userinfo = {"email": "ann@example.org"}
            assert await verifier.verify(server.token()) == ANN
            server.userinfo = {"email": "bob@example.org"}
            with pytest.raises(InvalidToken, match="another user"):
                await verifier.verify(server.token())


class TestBelievedAnswers:
    async def test_an_answer_is_believed_for_its_time(self, server: ScriptedProvider) -> None:
        settings = replace(server.settings(introspection_url=f"{server.url}/introspect"), believed_seconds=300.0)
        clock = FakeClock()
        async with verifying(settings, clock) as verifier:
            server.introspection = {"active": True, "email": "ann@example.org", "aud": AUDIENCE, "sid": "s1"}
            tokens = (server.token(), "opaque")
            for token in tokens:
                assert await verifier.verify(token) == ANN
            server.introspection = {"active": False}
            for token in tokens:
                assert await verifier.verify(token) == ANN
            with pytest.raises(InvalidToken):
                await verifier.verify("another")
            clock.advance(301)
            for token in tokens:
                with pytest.raises(InvalidToken, match="not active"):
                    await verifier.verify(token)

    async def test_it_is_not_believed_after_the_token_or_its_session_has_ended(self, server: ScriptedProvider) -> None:
        settings = replace(server.settings(introspection_url=f"{server.url}/introspect"), believed_seconds=300.0)
        clock = FakeClock()
        async with verifying(settings, clock) as verifier:
            good = {"active": True, "email": "ann@example.org", "aud": AUDIENCE}
            server.introspection = good | {"exp": clock.now() + 60}
            assert await verifier.verify("short") == ANN
            server.introspection = good | {"sid": "s1"}
            assert await verifier.verify("of a session") == ANN
            server.introspection = {"active": False}
            assert await verifier.verify("of a session") == ANN
            await verifier.end_session(server.logout_token())
            with pytest.raises(InvalidToken, match="ended"):
                await verifier.verify("of a session")
            clock.advance(61)
            with pytest.raises(InvalidToken, match="not active"):
                await verifier.verify("short")

    async def test_another_token_of_the_user_is_judged_by_itself(self, server: ScriptedProvider) -> None:
        settings = replace(server.settings(userinfo_url=f"{server.url}/me"), believed_seconds=300.0)
        async with verifying(settings) as verifier:
            server.userinfo = {"email": "ann@example.org"}
            assert await verifier.verify(server.token()) == ANN
            server.userinfo = {"email": "bob@example.org"}
            assert await verifier.verify(server.token()) == ANN
            with pytest.raises(InvalidToken, match="another user"):
                await verifier.verify(server.token(jti="2"))


class TestKeys:
    async def test_keys_are_fetched_once_for_many_tokens(self, server: ScriptedProvider) -> None:
        async with verifying(server.settings()) as verifier:
            for _ in range(5):
                await verifier.verify(server.token())
        assert server.key_requests == 1

    async def test_a_new_key_is_fetched_when_a_token_names_it_but_not_more_often_than_is_good(
        self, server: ScriptedProvider
    ) -> None:
        clock = Hours()
        async with verifying(server.settings(), clock) as verifier:
            await verifier.verify(server.token())
            server.key = RSAKey.generate_key(2048, {"kid": "two"})
            with pytest.raises(InvalidToken):
                await verifier.verify(server.token())
            assert server.key_requests == 1
            clock.passed = keys_module.BETWEEN_FETCHES
            assert await verifier.verify(server.token()) == ANN
            for number in range(20):
                with pytest.raises(InvalidToken):
                    await verifier.verify(server.token(header={"kid": f"made up {number}"}))
        assert server.key_requests == 2

    async def test_known_keys_go_on_while_the_provider_is_down_for_a_day(self, server: ScriptedProvider) -> None:
        clock = Hours()
        async with verifying(server.settings(), clock) as verifier:
            await verifier.verify(server.token())
            server.key_status = 503
            clock.passed = keys_module.FRESH_SECONDS + 1
            assert await verifier.verify(server.token()) == ANN
            clock.passed = keys_module.STALE_SECONDS + 1
            with pytest.raises(TemporaryFailure):
                await verifier.verify(server.token())
            server.key_status = 200
            clock.passed += keys_module.BETWEEN_FAILURES
            assert await verifier.verify(server.token()) == ANN

    async def test_no_answer_a_redirect_and_an_endless_answer_are_temporary_failures(
        self, server: ScriptedProvider
    ) -> None:
        for address in ("http://127.0.0.1:1/keys", f"{server.url}/moved", f"{server.url}/nowhere"):
            async with verifying(server.settings(jwks_url=address)) as verifier:
                with pytest.raises(TemporaryFailure):
                    await verifier.verify(server.token())
        server.huge = True
        async with verifying(server.settings()) as verifier:
            with pytest.raises(TemporaryFailure):
                await verifier.verify(server.token())


class TestOidcTokens(TokenVerifierContract):
    @pytest.fixture
    async def verifier(self, server: ScriptedProvider) -> AsyncIterator[TokenVerifier]:
        async with verifying(server.settings()) as one:
            yield one

    @pytest.fixture
    def token(self, server: ScriptedProvider) -> str:
        return server.token()
