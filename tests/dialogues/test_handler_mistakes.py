"""What an operator may get wrong in a `handler` element: each is told with its line, by the check that the start begins with."""

from pathlib import Path

import pytest

from compostela.app.checking import check
from compostela.base.settings import Problems, Severity


async def complaints(folder: Path, name: str, parameters: str) -> list[tuple[int, str]]:
    """The `handler` is on line 1, its parameters are on line 2."""
    handler = f'<handler class="{name}">\n{parameters}</handler>'
    (folder / "smtpserver.xml").write_text(
        f"<smtpservers><smtpserver><handlerchain>{handler}</handlerchain></smtpserver></smtpservers>"
    )
    problems = Problems()
    await check(folder, folder / "data", problems)
    found = [one for one in problems.of(Severity.ERROR) if one.place.file == "smtpserver.xml"]
    return [(one.place.line, one.message) for one in found]


@pytest.mark.parametrize(
    ("name", "parameters", "complaint"),
    [
        (
            "DNSRBLHandler",
            "<rblservers><blacklist>bl.example, b l.example</blacklist></rblservers>",
            "rblservers/blacklist: 'b l.example' is not a domain",
        ),
        (
            "DNSRBLHandler",
            "<rblservers><whitelist>wl..example.</whitelist><blacklist>bl.example</blacklist></rblservers>",
            "rblservers/whitelist: 'wl..example' is not a domain",
        ),
        (
            "DNSRBLHandler",
            "<rblservers><blacklist>bl.example</blacklist></rblservers><timeout>0</timeout>",
            "timeout: must be at least 0.001 s, but is '0'",
        ),
        (
            "URIRBLHandler",
            "<uriRblServers><server>u@ri.example</server><server>x.example</server></uriRblServers>",
            "uriRblServers/server: 'u@ri.example' is not a domain",
        ),
        (
            "SetMimeHeaderHandler",
            "<headername>X Site:</headername><headervalue>x</headervalue>",
            "headername: 'X Site:' is not the name of a header field",
        ),
        ("SpamAssassinHandler", "<timeout>0</timeout>", "timeout: must be at least 0.001 s, but is '0'"),
        (
            "SpamAssassinHandler",
            "<spamdRejectionHits>-5</spamdRejectionHits>",
            "spamdRejectionHits: must be 0 or more, but is '-5'",
        ),
        (
            "SpamAssassinHandler",
            "<spamdRejectionHits>nan</spamdRejectionHits>",
            "spamdRejectionHits: must be 0 or more, but is 'nan'",
        ),
        (
            "AllowedUnauthenticatedSender",
            '<allowedSenders><allowedSender fromIps="10.0.0.1">a@b.example</allowedSender>'
            '<allowedSender fromIps="10.0.0.2">A@b.example</allowedSender></allowedSenders>',
            "A@b.example is listed twice; 'fromIps' takes several networks",
        ),
        ("MaxRcptHandler", "<maxRcpt>-1</maxRcpt>", "maxRcpt: must be at least 0, but is -1"),
        (
            "MaxUnknownCmdHandler",
            "<maxUnknownCmdCount>0</maxUnknownCmdCount>",
            "maxUnknownCmdCount: must be at least 1, but is 0",
        ),
        ("SPFHandler", "<blockSoftFail>3</blockSoftFail>", "blockSoftFail: '3' is neither true nor false"),
        ("DKIMHook", "<onlyForSenderDomain>x y</onlyForSenderDomain>", "onlyForSenderDomain: 'x y' is not a domain"),
        (
            "DKIMHook",
            "<validatedEntities>envlope</validatedEntities>",
            "validatedEntities: 'envlope' is neither 'envelope' nor 'headers'",
        ),
        (
            "ValidRcptHandler",
            "<recipientRewriteTableCheck>mappingExist</recipientRewriteTableCheck>",
            "recipientRewriteTableCheck: 'mappingExist' is none of mappingExists, anyMappingValid, allMappingsValid; "
            "did you mean 'mappingExists'?",
        ),
        (
            "SpamTrapHandler",
            "<spamTrapRecip>a@b.example, a@</spamTrapRecip>",
            "spamTrapRecip: 'a@': an address needs a valid domain",
        ),
        ("tls.EnforceMtaSts", "<mode>testing</mode>", "unknown 'mode' in <handler>"),
    ],
)
async def test_a_wrong_parameter_is_told_with_its_line(
    tmp_path: Path, name: str, parameters: str, complaint: str
) -> None:
    assert await complaints(tmp_path, f"org.apache.james.smtpserver.{name}", parameters) == [(2, complaint)]


@pytest.mark.parametrize(
    "name",
    [
        "DNSRBLHandler", "URIRBLHandler", "SpamTrapHandler", "ValidRcptMX", "AllowedUnauthenticatedSender", "SetMimeHeaderHandler",
        "SetMailAttributeMessageHook", "MaxConnectionLifespanHandler", "ConfigurationAuthHook", "CrowdsecEhloHook",
    ],
)  # fmt: skip
async def test_a_handler_that_can_do_nothing_without_a_parameter_asks_for_it(tmp_path: Path, name: str) -> None:
    found = await complaints(tmp_path, name, "")
    assert found
    assert all(line == 1 for line, _ in found)


OWN = """
from compostela.core.smtp_hooks.hooks import SmtpHook

class Raising(SmtpHook):
    def __init__(self, settings, context):
        raise ValueError("on purpose")

class NoHook:
    def __init__(self, settings, context):
        pass

class SendMailHandler(SmtpHook):
    def __init__(self, settings, context):
        super().__init__(settings)
        settings.required("target")

text = "text"
"""


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("own_hooks.Raising", "the handler 'own_hooks.Raising' cannot be made: ValueError: on purpose"),
        ("own_hooks.NoHook", "'own_hooks.NoHook' is no class of SmtpHook"),
        ("own_hooks:text", "'own_hooks:text' is no class of SmtpHook"),
        ("own_hooks.SendMailHandler", "<handler> needs 'target'"),
        ("own_hooks.Missing", "there is no handler 'own_hooks.Missing'"),
        ("no_hooks.at_all.Missing", "there is no handler 'no_hooks.at_all.Missing'"),
        ("MaxRcptHandlr", "there is no handler 'MaxRcptHandlr'; did you mean 'MaxRcptHandler'?"),
        (
            "without_library.Hook",
            "the handler 'without_library.Hook' cannot be loaded: ModuleNotFoundError: No module named 'no_such_library'",
        ),
        (
            "half_written.Hook",
            "the handler 'half_written.Hook' cannot be loaded: SyntaxError: invalid syntax (half_written.py, line 1)",
        ),
    ],
)
async def test_what_is_wrong_with_a_class_of_ones_own_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, complaint: str
) -> None:
    for module, text in (
        ("own_hooks", OWN),
        ("without_library", "import no_such_library"),
        ("half_written", "class Hook:!"),
    ):
        (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert await complaints(tmp_path, name, "") == [(1, complaint)]
