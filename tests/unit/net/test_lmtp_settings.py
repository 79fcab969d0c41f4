"""lmtpserver.xml: its elements, the two ways of delivery, and what has no place in it."""

import pytest

from compostela.app.configuration.files import Reader
from compostela.base.settings import Problems
from compostela.net.lmtp.settings import LmtpSettings, read_lmtp_settings

CORE = "org.apache.james.lmtpserver.CoreCmdHandlerLoader"
CONTAINER = "org.apache.james.lmtpserver.MailetContainerCmdHandlerLoader"


def read(elements: str, attributes: str = "") -> tuple[list[LmtpSettings], list[str]]:
    problems = Problems()
    text = f"<lmtpservers><lmtpserver {attributes}>{elements}</lmtpserver></lmtpservers>"
    root = Reader(problems).parse("lmtpserver.xml", text.encode())
    assert root is not None
    return read_lmtp_settings(root, problems), [problem.message for problem in problems.found]


def test_a_server_that_names_nothing_takes_the_defaults() -> None:
    (server,), problems = read("")
    assert problems == []
    assert [str(address) for address in server.session.server.bind] == ["0.0.0.0:24"]
    assert server.session.server.name == "lmtpserver"
    assert server.session.max_message_bytes == 0
    assert not server.session.auth_enabled
    assert (server.through_container, server.split_execution) == (False, False)


def test_all_elements() -> None:
    (server,), problems = read(
        "<jmxName>lmtp2</jmxName><bind>127.0.0.1:1224</bind><connectionBacklog>50</connectionBacklog>"
        "<connectiontimeout>1200</connectiontimeout><connectionLimit>10</connectionLimit>"
        "<connectionLimitPerIP>5</connectionLimitPerIP><maxmessagesize>100</maxmessagesize><gracefulShutdown>false</gracefulShutdown>"
        f"<lmtpGreeting>ours</lmtpGreeting><handlerchain><handler class='{CORE}'/><handler class='ValidRcptHandler'/></handlerchain>"
    )
    assert problems == []
    assert server.session.server.connection_timeout_seconds == 1200
    assert (server.session.max_message_bytes, server.session.greeting) == (100 * 1024, "ours")
    assert [handler.text("class", "") for handler in server.session.handlers] == ["ValidRcptHandler"]


def test_a_server_that_is_not_enabled_is_only_read() -> None:
    servers, problems = read("<maxmessagesize>x</maxmessagesize>", 'enabled="false"')
    assert servers == []
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("chain", "split"),
    [
        (f'<handlerchain coreHandlersPackage="{CONTAINER}"/>', False),
        (f"<handlerchain><handler class='{CONTAINER}'/></handlerchain>", False),
        (
            f"<handlerchain><coreHandlersPackage>{CONTAINER}</coreHandlersPackage>"
            "<handler class='MailetContainerHandler'><splitExecution>true</splitExecution></handler></handlerchain>",
            True,
        ),
    ],
)
def test_the_way_through_the_container(chain: str, split: bool) -> None:
    (server,), problems = read(chain)
    assert problems == []
    assert (server.through_container, server.split_execution) == (True, split)
    assert server.session.handlers == ()


@pytest.mark.parametrize(
    ("elements", "complaint"),
    [
        ("<handlerchain coreHandlersPackage='MailetContainerCmdHandlerLoadr'/>", "did you mean"),
        (
            "<handlerchain><handler class='MailetContainerHandler'><split>true</split></handler></handlerchain>",
            "'split'",
        ),
        (
            "<handlerchain><handler class='ValidRcptHandler'><splitExecution>true</splitExecution></handler></handlerchain>",
            "splitExecution belongs to MailetContainerHandler",
        ),
        ("<lmtpGreting>hello</lmtpGreting>", "did you mean 'lmtpGreeting'"),
        ("<auth><announce>always</announce></auth>", "'auth' has no effect here"),
        ("<authRequired>true</authRequired>", "'authRequired' has no effect here"),
        ("<handlerchain><authRequired>true</authRequired></handlerchain>", "'authRequired' has no effect here"),
        ("<handler><authRequired>true</authRequired></handler>", "'handler/authRequired' has no effect here"),
        ("<authorizedAddresses>127.0.0.1</authorizedAddresses>", "'authorizedAddresses' has no effect here"),
        ("<verifyIdentity>true</verifyIdentity>", "'verifyIdentity' has no effect here"),
        ("<maxLineLength>999</maxLineLength>", "maxLineLength: must be at least 1000"),
    ],
)
def test_what_has_no_place_in_the_file_is_reported(elements: str, complaint: str) -> None:
    _, problems = read(elements)
    assert len(problems) == 1
    assert complaint in problems[0]


def test_servers_of_one_name_are_warned_of() -> None:
    problems = Problems()
    root = Reader(problems).parse("lmtpserver.xml", b"<lmtpservers><lmtpserver/><lmtpserver/></lmtpservers>")
    assert root is not None
    assert len(read_lmtp_settings(root, problems)) == 2
    assert [one.message for one in problems.found] == [
        "several servers are called 'lmtpserver': give each its own jmxName"
    ]
