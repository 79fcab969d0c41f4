"""Answers of the administration API other than success."""


class ApiError(Exception):
    """An answer other than success: `type` is one of James's words, `details` the reason."""

    def __init__(self, status: int, error_type: str, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = error_type
        self.message = message
        self.details = details


def invalid(details: str) -> ApiError:
    """400 for an argument that breaks a rule."""
    return ApiError(400, "InvalidArgument", "Invalid arguments supplied in the user request", details)


def not_found(message: str) -> ApiError:
    return ApiError(404, "notFound", message)


def conflict(message: str, details: str | None = None) -> ApiError:
    return ApiError(409, "WrongState", message, details)
