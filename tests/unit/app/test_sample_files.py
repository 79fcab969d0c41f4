"""Files of James's samples, and names that are nearly right."""

from pathlib import Path

import pytest

from compostela.app.configuration.folder import load
from compostela.base.settings import Problems, Severity


def complaints(folder: Path, name: str, text: str = "") -> list[tuple[Severity, str]]:
    (folder / name).write_text(text)
    problems = Problems()
    load(folder, folder / "data", problems)
    return [(one.severity, one.message) for one in problems.found if one.place.file == name]


@pytest.mark.parametrize("name", ["imapsever.xml", "smtpservers.xml", "webadmin.propertys.properties"])
def test_a_misspelt_file_name_is_an_error_or_a_warning_never_silence(tmp_path: Path, name: str) -> None:
    ((severity, message),) = complaints(tmp_path, name, "<x/>" if name.endswith("xml") else "")
    assert message.startswith("an unknown file; did you mean")
    assert (severity is Severity.ERROR) is name.endswith("xml")


@pytest.mark.parametrize("name", ["jvm.properties", "jmx.properties", "logback.xml"])
def test_files_of_the_java_machine_are_named_as_without_effect(tmp_path: Path, name: str) -> None:
    assert complaints(tmp_path, name) == [(Severity.NO_EFFECT, "the file has no effect here")]


@pytest.mark.parametrize(
    ("name", "product"),
    [("postgres.properties", "PostgreSQL"), ("pulsar.properties", "Pulsar"), ("queue-pulsar.properties", "Pulsar")],
)
def test_stores_that_are_not_supported_are_refused(tmp_path: Path, name: str, product: str) -> None:
    text = f"{product} is not supported: remove the file, and the data stays in the embedded store"
    assert complaints(tmp_path, name) == [(Severity.ERROR, text)]


def test_a_hook_beside_its_list_is_a_warning(tmp_path: Path) -> None:
    text = "<listeners><preDeletionHook><class>org.example.Hook</class></preDeletionHook></listeners>"
    complaint = "<preDeletionHook> is outside <preDeletionHooks>: the hook is not called"
    assert (Severity.WARNING, complaint) in complaints(tmp_path, "listeners.xml", text)


def test_an_entity_in_xml_is_an_error(tmp_path: Path) -> None:
    """Its text would silently be missing from the value."""
    text = '<!DOCTYPE d [<!ENTITY name "example.org">]><domainlist><defaultDomain>&name;</defaultDomain></domainlist>'
    assert (Severity.ERROR, "the entity &name; is not supported: write its text, or ${env:NAME}") in complaints(
        tmp_path, "domainlist.xml", text
    )


def test_what_takes_effect_in_the_sample_is_not_said_to_have_none(tmp_path: Path) -> None:
    problems = Problems()
    load(Path(__file__).parents[3] / "conf", tmp_path / "data", problems)
    found = [one.message for one in problems.found if one.place.file == "mailetcontainer.xml"]
    assert [one for one in found if one.startswith(("'processors'", "'name'"))] == []
