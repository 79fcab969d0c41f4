"""Which ports mail programs are told of."""

from compostela.core.autoconfiguration.endpoints import Endpoint, Service, ServiceKind, Speaks, client_services
from compostela.core.autoconfiguration.settings import AutoconfigurationSettings

HOST = "mail.example.org"


def smtp(
    port: int, *, implicit: bool = False, starttls: bool = True, login: bool = True, required: bool = True
) -> Endpoint:
    return Endpoint(
        "smtp",
        Speaks.SMTP,
        "127.0.0.1",
        port,
        implicit=implicit,
        starttls=starttls,
        login=login,
        login_required=required,
    )


def test_a_server_that_insists_on_a_login_is_preferred_to_port_25() -> None:
    found = client_services([smtp(25, required=False), smtp(2587)], HOST, AutoconfigurationSettings())
    assert found == (Service(ServiceKind.SUBMISSION, HOST, 2587),)


def test_nobody_is_sent_to_a_port_without_tls_or_without_logins() -> None:
    endpoints = [smtp(587, starttls=False), smtp(465, implicit=True, starttls=False, login=False)]
    assert client_services(endpoints, HOST, AutoconfigurationSettings()) == ()


def test_ports_that_a_router_maps_are_told_as_clients_see_them() -> None:
    settings = AutoconfigurationSettings(submissions_port=465)
    (service,) = client_services([smtp(1465, implicit=True, starttls=False)], HOST, settings)
    assert (service.kind, service.port) == (ServiceKind.SUBMISSIONS, 465)


def test_pop3_is_told_of_after_imap() -> None:
    pop3 = Endpoint("pop3", Speaks.POP3, "127.0.0.1", 1110, starttls=True, login=True)
    imap = Endpoint("imap", Speaks.IMAP, "127.0.0.1", 1143, starttls=True, login=True)
    settings = AutoconfigurationSettings(pop3_port=110)
    found = client_services([pop3, imap], HOST, settings)
    assert found == (Service(ServiceKind.IMAP, HOST, 1143), Service(ServiceKind.POP3, HOST, 110))
