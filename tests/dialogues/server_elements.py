"""What dialogues about server elements share."""

from pathlib import Path

from compostela.app.configuration.folder import load
from compostela.base.settings import Problems


def problems_of(folder: Path, text: str, file: str = "smtpserver.xml") -> Problems:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    problems = Problems()
    load(folder, folder / "data", problems)
    return problems
