"""Secure channels: the one place that decides what a connection is protected by.

TLS 1.2 or later, forward secrecy and authenticated ciphers only, no compression, no renegotiation, no resumption (a
certificate is looked at for every connection), host names checked (RFC 9325; DICOM and IHE ATNA ask for the same).
A channel in clear has to be asked for, and beyond the loopback interface by its full name.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from typing import Final, Literal

from ..errors import InvalidRequest

__all__ = ["CIPHERS", "Plain", "check_channel", "client_context", "is_loopback", "server_context"]

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
"""For TLS 1.2, as OpenSSL writes it; TLS 1.3 has no others."""

Plain = Literal["no", "loopback", "anywhere"]
"""Where a channel may be in clear."""

_OPTIONS: Final = (
    ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    | ssl.OP_SINGLE_ECDH_USE
)  # fmt: skip

_Path = str | os.PathLike[str]


def server_context(
    certificate: _Path, key: _Path | None = None, *, client_ca: _Path | None = None, password: str | None = None
) -> ssl.SSLContext:
    """Return the context of a server.

    Parameters
    ----------
    certificate : path
        PEM file of the server's certificate, with those that lead from it to its issuer.
    key : path, optional
        PEM file of its private key; the certificate's file when it is not given.
    client_ca : path, optional
        PEM file of the issuers whose clients are let in. With it every client must show a certificate.
    password : str, optional
        Of the private key. Nobody is ever asked for it on the terminal.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when a file cannot be read or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.num_tickets = 0
    _identify(context, certificate, key, password)
    if client_ca is not None:
        _trust(context, client_ca, "client_ca")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    *, ca: _Path | None = None, certificate: _Path | None = None, key: _Path | None = None, password: str | None = None
) -> ssl.SSLContext:
    """Return the context of a client, which checks the server's certificate and its name.

    Parameters
    ----------
    ca : path, optional
        PEM file of the issuers that are trusted; those of the system when it is not given.
    certificate, key : path, optional
        PEM files of the client's own certificate and private key, for a server that asks for them.
    password : str, optional
        Of the private key.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when a file cannot be read or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, ca, "ca")
    if certificate is not None:
        _identify(context, certificate, key, password)
    elif key is not None:
        raise InvalidRequest("USE-001", path="key", hint="a key needs its certificate")
    return context


def check_channel(host: str | None, tls: ssl.SSLContext | None, plain: Plain) -> None:
    """Refuse a channel in clear that was not asked for.

    Parameters
    ----------
    host : str or None
        Address or name; ``None`` and the empty text stand for every interface.
    tls : SSLContext or None
        What protects the channel.
    plain : {"no", "loopback", "anywhere"}
        Where the caller allows a channel in clear.

    Raises
    ------
    InvalidRequest
        ``USE-001``.
    """
    if plain not in ("no", "loopback", "anywhere"):
        raise InvalidRequest("USE-001", path="plain", hint="'no', 'loopback' or 'anywhere'")
    if tls is not None or plain == "anywhere":
        return
    if plain == "no":
        raise InvalidRequest(
            "USE-001", path="tls", hint="no certificate was given; a channel in clear must be asked for"
        )
    if not is_loopback(host):
        raise InvalidRequest("USE-001", path="tls", hint="a channel in clear would leave this machine")


def is_loopback(host: str | None) -> bool:
    """Tell whether an address or a name stays on this machine, without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= _OPTIONS
    context.set_ciphers(CIPHERS)


def _identify(context: ssl.SSLContext, certificate: _Path, key: _Path | None, password: str | None) -> None:
    for name, path in (("certificate", certificate), ("key", key)):
        if path is not None:
            _check_readable(name, path)
    try:
        # The call would be answered on the terminal otherwise.
        context.load_cert_chain(certificate, key, password=password or (lambda: ""))
    except (OSError, ValueError, TypeError):  # ssl.SSLError is an OSError
        hint = "not a certificate in PEM with its private key, or the key is locked by another password"
    else:
        return
    raise InvalidRequest("USE-001", path="certificate", hint=hint)


def _trust(context: ssl.SSLContext, path: _Path, name: str) -> None:
    _check_readable(name, path)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError):
        hint = "no certificates in PEM"
    else:
        return
    raise InvalidRequest("USE-001", path=name, hint=hint)


def _check_readable(name: str, path: _Path) -> None:
    try:
        with open(path, "rb"):
            return
    except (OSError, ValueError):
        hint = "there is no such file, or it may not be read"
    raise InvalidRequest("USE-001", path=name, hint=hint)
