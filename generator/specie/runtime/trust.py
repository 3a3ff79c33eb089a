"""Whose certificates are trusted. Always somebody's: a connection that nobody vouches for may be anyone's, and would be
given the key.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias, Union, cast

from .errors import InvalidType, InvalidValue

if TYPE_CHECKING:
    import ssl

__all__ = ["Trusted", "trusting"]

Trusted: TypeAlias = Union[str, "os.PathLike[str]", "ssl.SSLContext"]
"""The path of a CA bundle (a PEM file, or a folder that `openssl rehash` made), or an `ssl.SSLContext`."""


def trusting(given: Trusted | None) -> ssl.SSLContext | None:
    """The context of connections; None for the usual authorities.

    Raises:
        InvalidValue: It would verify nothing, or the bundle cannot be read.
        InvalidType: It is something else.
    """
    if given is None:
        return None
    import ssl

    if isinstance(given, ssl.SSLContext):
        if given.verify_mode != ssl.CERT_REQUIRED or not given.check_hostname:
            raise InvalidValue(
                "verify: this context accepts certificates of anybody; it must have verify_mode CERT_REQUIRED and "
                "check_hostname, as ssl.create_default_context() gives them",
                parameter="verify",
            )
        return given
    unchecked = cast(object, given)
    if not isinstance(unchecked, (str, os.PathLike)):
        raise InvalidType(
            f"verify must be the path of a CA bundle or an ssl.SSLContext, not {given!r}; verification cannot be "
            "turned off, but the CA of a test server can be trusted",
            parameter="verify",
        )
    folder = os.path.isdir(given)
    try:
        return ssl.create_default_context(capath=given if folder else None, cafile=None if folder else given)
    except OSError as error:
        raise InvalidValue(
            f"verify: {os.fspath(given)} is no readable CA bundle: {error}", parameter="verify"
        ) from error
