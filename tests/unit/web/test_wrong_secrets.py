"""Guessing the administration API's secret."""

from compostela.web.webadmin.wrong_secrets import TRIES, WINDOW_SECONDS, WrongSecrets


def test_an_address_that_guesses_waits_and_others_do_not() -> None:
    now = 100.0
    wrong = WrongSecrets(lambda: now)
    for _ in range(TRIES):
        assert wrong.wait_seconds("192.0.2.1") == 0.0
        wrong.add("192.0.2.1")
    assert (wrong.wait_seconds("192.0.2.1"), wrong.wait_seconds("192.0.2.2")) == (WINDOW_SECONDS, 0.0)
    now += WINDOW_SECONDS
    assert wrong.wait_seconds("192.0.2.1") == 0.0
    wrong.add("192.0.2.1")
    assert wrong.wait_seconds("192.0.2.1") == 0.0
