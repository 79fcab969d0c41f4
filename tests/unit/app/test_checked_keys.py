"""What `compostela check` says of keys that servers need."""

from pathlib import Path

import pytest

from compostela.app.checking import check
from compostela.base.settings import Problems, Severity

HTTPS = "enabled = true\nhttps.enabled = true\nhttps.keystore = file://conf/{}\n"
SMTPS = "<smtpservers><smtpserver><tls socketTLS='true'><keystore>file://conf/{}</keystore></tls></smtpserver></smtpservers>"


@pytest.mark.parametrize(("file", "text"), [("smtpserver.xml", SMTPS), ("autoconfiguration.properties", HTTPS)])
async def test_a_key_is_looked_for_and_opened(tmp_path: Path, file: str, text: str) -> None:
    said = {}
    (tmp_path / "nonsense").write_text("nonsense")
    for name in ("absent", "nonsense"):
        (tmp_path / file).write_text(text.format(name))
        problems = Problems()
        await check(tmp_path, tmp_path / "data", problems)
        said[name] = [(one.severity, one.message) for one in problems.found if one.place.file == file]
    assert (Severity.ERROR, "file://conf/absent does not exist: the server does not start without it") in said["absent"]
    assert [severity for severity, _ in said["nonsense"]] == [Severity.ERROR]
