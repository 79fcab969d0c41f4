"""Where files of the configuration and of the data are."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

TOKEN_FILE = "webadmin.token"
"""In the data folder: the password of WebAdmin when none is configured."""


@dataclass(frozen=True, slots=True)
class FileLocations:
    """`file://conf/x` is x in the configuration folder and `file://var/x` x in the data folder, as in James's working
    directory; `file:///x` is absolute, anything else is relative to the configuration folder."""

    configuration: Path
    data: Path

    @property
    def token_file(self) -> Path:
        return self.data / TOKEN_FILE

    def resolve(self, url: str) -> Path:
        text = unquote(url.removeprefix("file://"))
        if url.startswith("file://"):
            for name, folder in (("conf/", self.configuration), ("var/", self.data)):
                if text.startswith(name):
                    return folder / text[len(name) :]
        path = Path(text.removeprefix("classpath:"))
        return path if path.is_absolute() else self.configuration / path
