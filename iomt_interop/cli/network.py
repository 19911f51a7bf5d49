"""What the commands of the network share: addresses, and the options of a secure channel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidRequest
from ..transport.tls import Plain

__all__ = ["CommitOption", "InsecureOption", "PlainOption", "address_of", "plain_of", "shown"]

PlainOption = Annotated[
    bool, typer.Option("--plain", help="No TLS: on this machine only, unless --insecure-network is given too.")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure-network", help="With --plain: let patient data cross a network in clear.")
]
CommitOption = Annotated[bool, typer.Option("--commit", help="MLLP release 2: commit octets (0x06, 0x15).")]


def address_of(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``[ADDRESS]:PORT``; an empty host is every interface.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for anything else.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:
        raise InvalidRequest("USE-001", path="--mllp", hint="HOST:PORT, or [ADDRESS]:PORT for IPv6")
    return host, int(port)


def plain_of(plain: bool, insecure: bool, certificate: Path | None) -> Plain:
    """Return where a channel may be in clear, as the options say."""
    if insecure and not plain:
        raise InvalidRequest("USE-001", path="--insecure-network", hint="it says something of --plain only")
    if plain and certificate is not None:
        raise InvalidRequest("USE-001", path="--plain", hint="a certificate was given as well")
    return "anywhere" if insecure else "loopback" if plain else "no"


def shown(address: tuple[str, int]) -> str:
    """Return an address as it is written."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
