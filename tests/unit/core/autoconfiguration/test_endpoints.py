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
