"""A file in memory for a library that reads from files only."""

import os


class SecretFile:
    """A file in memory, for libraries that read nothing else; its name is good within the `with` block.

    On Linux it never has a place in any folder (memfd). Elsewhere it is an ordinary temporary file: what is put into it must not
    be worth reading, so keys go into it encrypted under a password that is nowhere but in this process."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._path: str | None = None
        self._descriptor = -1

    def __enter__(self) -> str:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
            name = f"/proc/self/fd/{self._descriptor}"
        else:
            import tempfile

            self._descriptor, self._path = tempfile.mkstemp()
            name = self._path
        with os.fdopen(self._descriptor, "wb", closefd=False) as file:
            file.write(self._content)
        return name

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if self._path is not None:
            os.unlink(self._path)
