"""TLS to a server elsewhere: libpq verifies it by default, and nothing is told to one that cannot prove itself."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.certificates import Issuer
from support.places import schema_of
from support.postgres import server
from support.records import every_kind

from iomt_interop.errors import StoreUnavailable
from iomt_interop.vault import KeyFile, Vault

HOST = "127.0.0.2"
"""This machine, but by no name of it: verified as any other host is."""
SSL_REQUEST = struct.pack(">II", 8, 80877103)


def copy(source: socket.socket, target: socket.socket, heard: list[bytes] | None = None) -> None:
    """Pass on what comes."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            if heard is not None:
                heard.append(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(issuer: Issuer, name: str, behind: str, heard: list[bytes]) -> Iterator[int]:
    """Speak TLS in front of a server's socket, as PostgreSQL does it; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = issuer.issue("server", name)
    context.load_cert_chain(pair.certificate, pair.key)

    def serve(peer: socket.socket) -> None:
        with peer, socket.socket(socket.AF_UNIX) as inner:
            assert peer.recv(8) == SSL_REQUEST
            peer.sendall(b"S")
            with suppress(ssl.SSLError, OSError), context.wrap_socket(peer, server_side=True) as secure:
                inner.connect(behind)
                back = threading.Thread(target=copy, args=(inner, secure), daemon=True)
                back.start()
                copy(secure, inner, heard)
                back.join(5)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    try:
        listening = socket.create_server((HOST, 0))
    except OSError:
        pytest.skip("this system has no second address of its own")
    with listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_elsewhere_proves_itself_or_hears_nothing(
    tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE", "PGHOST", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    running = server()
    schema = schema_of(running.url("behind_tls"))
    (tmp_path / "right").mkdir()
    (tmp_path / "wrong").mkdir()
    right, wrong = Issuer(tmp_path / "right"), Issuer(tmp_path / "wrong")
    heard, later = list[bytes](), list[bytes]()
    behind = f"{running.address.partition('host=')[2]}/.s.PGSQL.5432"

    def url(port: int, issuer: Issuer) -> str:
        return (
            f"postgresql://postgres@{HOST}:{port}/postgres?schema={schema}&gssencmode=disable&sslrootcert={issuer.ca}"
        )

    with gate(right, HOST, behind, heard) as port:
        with Vault.create(url(port, right), keys=key) as vault:
            vault.put(every_kind())
        with Vault.open(url(port, right), keys=key) as vault:
            vault.verify()
        assert b"postgres" in heard[0]
    for name, issuer in ((HOST, wrong), ("db.example", right)):
        with gate(right, name, behind, later) as port, pytest.raises(StoreUnavailable, match="SEC-012"):
            Vault.open(url(port, issuer), keys=key)
    assert later == []
