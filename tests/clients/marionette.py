"""A client of Marionette, by which a program of Mozilla can be driven: scripts run within it, with all its rights."""

import json
import socket
from typing import Any

SCRIPT_SECONDS = 60
_WRAPPED = """const done = arguments[arguments.length - 1];
(async (...args) => { %s })(...arguments).then(value => done({value}), error => done({error: `${error} ${error?.stack}`}));"""


class ScriptError(Exception):
    """What a script threw, or why it could not be run."""


class Marionette:
    def __init__(self, port: int) -> None:
        """Raises `OSError` as long as the program does not listen."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=2 * SCRIPT_SECONDS)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._read()
        self._command(
            "WebDriver:NewSession", capabilities={"alwaysMatch": {"timeouts": {"script": 1000 * SCRIPT_SECONDS}}}
        )
        self._command("Marionette:SetContext", value="chrome")

    def run(self, script: str, *arguments: object) -> Any:
        """What the body of an async function returns. It has the arguments in `args`."""
        answer = self._command(
            "WebDriver:ExecuteAsyncScript",
            script=_WRAPPED % script,
            args=arguments,
            newSandbox=True,
            sandbox="system",
        )["value"]
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer.get("value")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _command(self, name: str, **parameters: object) -> Any:
        self._number += 1
        octets = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(octets), octets))
        _, _, error, answer = self._read()
        if error:
            raise ScriptError(error["message"])
        return answer

    def _read(self) -> Any:
        """One packet: its length, a colon, JSON."""
        length = b""
        while not length.endswith(b":"):
            octet = self._file.read(1)
            if not octet:
                raise ScriptError("the program has closed the connection")
            length += octet
        return json.loads(self._file.read(int(length[:-1])))
