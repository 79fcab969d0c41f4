"""Errors of the driver, turned into ours.

What the cluster or the way to it caused is a `TemporaryFailure`. If the request may have been carried out all the same, it is an
`OutcomeUnknown`. A statement that is wrong in itself is a bug of ours and is passed on as it is.
"""

import acsylla.errors as driver

from compostela.base.errors import TemporaryFailure


class OutcomeUnknown(TemporaryFailure):
    """No answer came in time, or not from enough replicas: the write may have been carried out, or may still be."""


NOT_DONE: tuple[type[Exception], ...] = (
    driver.CassErrorLibNoHostsAvailable,
    driver.CassErrorLibNoStreams,
    driver.CassErrorLibNoAvailableIoThread,
    driver.CassErrorLibRequestQueueFull,
    driver.CassErrorLibUnableToConnect,
    driver.CassErrorLibHostResolution,
    driver.CassErrorLibUnableToDetermineProtocol,
    driver.CassErrorServerUnavailable,
    driver.CassErrorServerIsBootstrapping,
    driver.CassErrorServerBadCredentials,
    driver.CassErrorServerUnauthorized,
    driver.CassErrorSourceSsl,
)
"""The driver or the server says so before anything is done."""
OURS: tuple[type[Exception], ...] = (
    driver.CassErrorServerInvalidQuery,
    driver.CassErrorServerSyntaxError,
    driver.CassErrorServerAlreadyExists,
    driver.CassErrorServerConfigError,
    driver.CassErrorLibBadParams,
    driver.CassErrorLibIndexOutOfBounds,
    driver.CassErrorLibInvalidItemCount,
    driver.CassErrorLibInvalidValueType,
    driver.CassErrorLibInvalidData,
    driver.CassErrorLibNameDoesNotExist,
    driver.CassErrorLibNullValue,
    driver.CassErrorLibParameterUnset,
)


def mapped(error: Exception) -> Exception:
    """Ours in the place of the driver's; raise it `from` the driver's."""
    if isinstance(error, OURS):
        return error
    text = f"Cassandra: {error}"
    return TemporaryFailure(text) if isinstance(error, NOT_DONE) else OutcomeUnknown(text)
