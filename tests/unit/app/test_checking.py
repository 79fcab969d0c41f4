"""`compostela check` makes everything and opens nothing."""

from pathlib import Path

import apsw
import pytest

from compostela.app.checking import check
from compostela.base.settings import Problems, Severity

CONTAINER = """<mailetcontainer><spooler>{spooler}</spooler><processors><processor state="root">{mailets}
<mailet match="All" class="ToProcessor"><processor>error</processor></mailet></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""
OWN = """
from compostela.processing.mailet import Mailet

class Asking(Mailet):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.queue = context.queues.queue("mine")

    async def service(self, mail, run):
        pass

class Hasty(Asking):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.queue.enqueue(None)
"""


async def complaints(folder: Path) -> list[str]:
    problems = Problems()
    await check(folder, folder / "data", problems)
    return [problem.message for problem in problems.of(Severity.ERROR)]


async def test_no_store_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(apsw, "connection_hooks", [lambda connection: opened.append(connection.filename)])
    assert await complaints(tmp_path) == []
    assert opened == []
    assert not (tmp_path / "data").exists()


async def test_srs_opens_no_store(tmp_path: Path) -> None:
    (tmp_path / "recipientrewritetable.xml").write_text("<recipientrewritetable><srs/></recipientrewritetable>")
    assert await complaints(tmp_path) == []


async def test_a_class_that_uses_a_store_before_the_server_starts_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_early_mailets.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    wrong = []
    for name in ("Asking", "Hasty"):
        mailets = f'<mailet match="All" class="own_early_mailets.{name}"/>'
        (tmp_path / "mailetcontainer.xml").write_text(CONTAINER.format(spooler="", mailets=mailets))
        wrong += await complaints(tmp_path)
    (told,) = wrong
    assert "'enqueue' of the store (queue 'mine') is used before the server starts: use it in 'start'" in told


async def test_an_error_repository_that_is_no_url_is_told(tmp_path: Path) -> None:
    spooler = "<errorRepository>nonsense://</errorRepository>"
    (tmp_path / "mailetcontainer.xml").write_text(CONTAINER.format(spooler=spooler, mailets=""))
    (told,) = await complaints(tmp_path)
    assert "nonsense" in told


@pytest.mark.parametrize(("switch", "complained"), [("true", 0), ("false", 1)])
async def test_a_process_without_group_listeners_must_not_have_one(
    tmp_path: Path, switch: str, complained: int
) -> None:
    listeners = f"<listeners><executeGroupListeners>{switch}</executeGroupListeners>{{}}</listeners>"
    (tmp_path / "listeners.xml").write_text(listeners.format("<listener><class>UsageListener</class></listener>"))
    assert len(await complaints(tmp_path)) == complained
    (tmp_path / "listeners.xml").write_text(listeners.format(""))
    assert await complaints(tmp_path) == []


async def test_an_own_task_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_wrong_tasks.py").write_text(
        "from examples.tasks import ExpireMails\n"
        "class Twice(ExpireMails):\n    name = 'tasks-cleanup'\n"
        "class Hasty(ExpireMails):\n    def __init__(self, parts):\n        raise KeyError('x')\n"
        "class Other:\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ", ".join(f"own_wrong_tasks.{name}" for name in ("Twice", "Hasty", "Other", "Unknown"))
    (tmp_path / "extensions.properties").write_text(f"guice.extension.tasks = {names}\n")
    told = "\n".join(await complaints(tmp_path))
    for text in (
        "two tasks of type 'tasks-cleanup'", "'own_wrong_tasks.Hasty' cannot be made: KeyError", "is no class of TaskRunner",
        "there is no task 'own_wrong_tasks.Unknown'",
    ):  # fmt: skip
        assert text in told


async def test_a_scheduled_task_that_cannot_be_submitted_is_told(tmp_path: Path) -> None:
    (tmp_path / "tasks.properties").write_text(
        'limits = clear-mail-queue: 2, unknown: 1\nschedule = 0 3 * * * clear-mail-repository {"path": "var/mail/error"}\n'
        'schedule = 0 3 * * * clear-mail-repository {"pth": "x"}\nschedule = 0 3 * * * unknown\n'
    )
    told = await complaints(tmp_path)
    assert len(told) == 3
    assert told[0].startswith("limits: there is no task of type 'unknown'; there are ")
    assert "missing required field `path`" in told[1]
    assert told[2].startswith("schedule: there is no task of type 'unknown'")
