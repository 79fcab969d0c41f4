"""pop3server.xml: its elements, and what is wrong with others."""

import math

import pytest

from compostela.app.configuration.files import Reader
from compostela.base.settings import Problems
from compostela.net.pop3.settings import Pop3Settings, read_pop3_settings


def read(elements: str, attributes: str = "") -> tuple[list[Pop3Settings], list[str]]:
    problems = Problems()
    text = f"<pop3servers><pop3server {attributes}>{elements}</pop3server></pop3servers>"
    root = Reader(problems).parse("pop3server.xml", text.encode())
    assert root is not None
    return read_pop3_settings(root, problems), [problem.message for problem in problems.found]


def test_a_server_that_names_nothing_takes_the_defaults() -> None:
    (server,), problems = read("")
    assert problems == []
    assert [str(address) for address in server.server.bind] == ["0.0.0.0:110"]
    assert server.server.name == "pop3server"
    assert server.server.connection_timeout_seconds == 600
    assert (server.expire, server.login_delay_seconds, server.ban_check) == ("", 0, None)
    assert not server.takes_passwords(tls=False)
    assert server.takes_passwords(tls=True)


def test_all_elements() -> None:
    (server,), problems = read(
        "<jmxName>pop3s</jmxName><bind>127.0.0.1:1995,[::1]:1995</bind><connectionBacklog>50</connectionBacklog>"
        "<connectiontimeout>1200</connectiontimeout><connectionLimit>10</connectionLimit>"
        "<connectionLimitPerIP>5</connectionLimitPerIP><expire>never</expire><loginDelay>60</loginDelay>"
        "<auth><requireSSL>false</requireSSL><plainAuthEnabled>false</plainAuthEnabled></auth>"
        "<handlerchain coreHandlersPackage='org.apache.james.pop3server.core.CoreCmdHandlerLoader' enableJmx='false'>"
        "<handler class='org.apache.james.pop3server.core.CoreCmdHandlerLoader'/>"
        "<handler class='org.apache.james.crowdsec.CrowdsecPOP3CheckHandler'/></handlerchain>"
    )
    assert [one for one in problems if "no effect" not in one] == []
    assert (server.server.name, server.server.connection_timeout_seconds) == ("pop3s", 1200)
    assert (server.expire, server.login_delay_seconds) == ("NEVER", 60)
    assert server.ban_check is not None
    assert server.takes_passwords(tls=False)
    assert server.auth.available(tls=True, bound=frozenset()) == []


def test_a_server_that_is_not_enabled_is_only_read() -> None:
    servers, problems = read("<loginDelay>x</loginDelay>", 'enabled="false"')
    assert servers == []
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ("<expire>0</expire>", "'0' is neither NEVER nor a number of days"),
        ("<expire>soon</expire>", "'soon' is neither NEVER"),
        ("<loginDelay>-1</loginDelay>", "must be at least 0"),
        ("<logindelay>1</logindelay>", "did you mean 'loginDelay'"),
        ("<handlerchain><handler class='x.CrowdsecPOP3Check'/></handlerchain>", "mean 'CrowdsecPOP3CheckHandler'"),
        ("<handlerchain><handler/></handlerchain>", "needs 'class'"),
        ("<auth><saslMechanisms>LOGIN</saslMechanisms></auth>", "LOGIN"),
        ("<connectiontimeout>300</connectiontimeout>", "below 600 s, the least that RFC 1939 allows"),
    ],
)
def test_mistakes(elements: str, problem: str) -> None:
    _, problems = read(elements)
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_timeout_of_zero_is_none() -> None:
    (server,), problems = read("<connectiontimeout>0</connectiontimeout>")
    assert (server.server.connection_timeout_seconds, problems) == (math.inf, [])
