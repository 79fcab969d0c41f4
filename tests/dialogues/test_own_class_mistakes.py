"""What may be wrong with a class of one's own, wherever it is named: the check tells it with its line, and does not break off."""

from pathlib import Path

import pytest

from compostela.app.checking import check
from compostela.base.settings import Problems, Severity

OWN = """
from compostela.net.authentication.mechanisms import SaslMechanismFactory
from compostela.processing.mailet import Mailet, Matcher

class RaisingMailet(Mailet):
    def __init__(self, settings, context):
        raise ValueError("on purpose")

    async def service(self, mail, run):
        pass

class RaisingMatcher(Matcher):
    def __init__(self, condition, settings, context):
        raise ValueError("on purpose")

    async def match(self, mail):
        return []

class RaisingMechanism(SaslMechanismFactory):
    def __init__(self, auth):
        raise ValueError("on purpose")

class Nothing:
    pass

def mailet(settings, context):
    return "no mailet"
"""
CONTAINER = """<mailetcontainer><processors><processor state="root" enableJmx="true">
{}
<mailet match="All" class="ToProcessor"><processor>error</processor></mailet></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""
SMTP = "<smtpservers><smtpserver><auth>\n<saslMechanisms>{}</saslMechanisms></auth></smtpserver></smtpservers>"


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        (
            "mailetcontainer.xml",
            CONTAINER.format('<mailet match="All" class="own_classes.RaisingMailet"/>'),
            "the mailet 'own_classes.RaisingMailet' cannot be made: ValueError: on purpose",
        ),
        (
            "mailetcontainer.xml",
            CONTAINER.format('<mailet match="All" class="own_classes.Nothing"/>'),
            "'own_classes.Nothing' is no class of Mailet",
        ),
        (
            "mailetcontainer.xml",
            CONTAINER.format('<mailet match="All" class="own_classes.mailet"/>'),
            "'own_classes.mailet' is no class of Mailet",
        ),
        (
            "mailetcontainer.xml",
            CONTAINER.format('<mailet match="own_classes.RaisingMatcher=x" class="Null"/>'),
            "the matcher 'own_classes.RaisingMatcher' cannot be made: ValueError: on purpose",
        ),
        (
            "smtpserver.xml",
            SMTP.format("PLAIN,own_classes.RaisingMechanism"),
            "the mechanism 'own_classes.RaisingMechanism' cannot be made: ValueError: on purpose",
        ),
        ("smtpserver.xml", SMTP.format("own_classes.Nothing"), "is no class of SaslMechanismFactory"),
    ],
)
async def test_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, complaint: str
) -> None:
    (tmp_path / "own_classes.py").write_text(OWN)
    (tmp_path / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    problems = Problems()
    await check(tmp_path, tmp_path / "data", problems)
    (found,) = [one for one in problems.of(Severity.ERROR) if "own_classes" in one.message]
    assert found.message.endswith(complaint)
    assert (found.place.file, found.place.line) == (file, 2)
