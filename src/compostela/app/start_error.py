"""Why a server does not start."""

from compostela.base.errors import CompostelaError

EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits: the configuration is wrong."""
EXIT_FAILURE = 1


class StartError(CompostelaError):
    """The server cannot start; the text is one sentence for the operator."""

    def __init__(self, text: str, status: int = EXIT_FAILURE) -> None:
        super().__init__(text)
        self.status = status
