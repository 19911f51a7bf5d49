"""The URL of a vault: what libpq makes of it, which schema it names, and that a host elsewhere must prove itself."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from iomt_interop.errors import InvalidRequest, StoreUnavailable
from iomt_interop.vault import KeyFile, Vault
from iomt_interop.vault.place import is_url
from iomt_interop.vault.postgres_link import Address

SSL_REQUEST = struct.pack(">II", 8, 80877103)
"""PostgreSQL documentation, 54.7: Int32(8), Int32(80877103)."""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSERVICE", "PGCONNECT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_a_url() -> None:
    for text in ("postgresql://h/d", "postgres:///d?schema=a", "postgresql+psycopg://u@h/d"):
        assert is_url(text)
    for place in ("ward.vault", "/tmp/postgresql://h/d", Path("postgresql://h/d"), "mysql://h/d", "postgresql:/h/d"):
        assert not is_url(place)


@pytest.mark.parametrize("missing", ["sqlalchemy", "psycopg"])
def test_without_the_extra_it_is_named(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from iomt_interop.errors import InvalidRequest
from iomt_interop.vault import PassphraseKey, Vault
try:
    Vault.open("postgresql://h/d", keys=PassphraseKey("x"))
except InvalidRequest as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "install iomt_interop[postgres]\n"


def test_all_but_the_schema_is_libpqs() -> None:
    found = Address.parse("postgresql://u%40x:p%2Fw@/d%20b?host=/run/pg&schema=ward_7&options=-c%20a%3Db&passfile=/a+b")
    assert found.schema == "ward_7"
    expected = {"user": "u@x", "password": "p/w", "dbname": "d b", "host": "/run/pg", "options": "-c a=b"}
    assert expected.items() <= found.parameters.items()
    assert found.parameters["passfile"] == "/a+b"  # a plus is a plus
    assert "p/w" not in repr(found)
    assert Address.parse("postgres://").schema == Address.parse("postgresql://h?").schema == "iomt_vault"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h/d?schema=",
        "postgresql://h/d?schema=7a",
        "postgresql://h/d?schema=Ward",
        "postgresql://h/d?schema=pg_catalog",
        "postgresql://h/d?schema=a%22b",
        "postgresql://h/d?schema=a&schema=b",
        "postgresql://h/d?schema=" + "a" * 64,
        "postgresql://h/d?nonsense=SECRET",
        "postgresql://h/d?nonsense",
        "postgresql://[h/SECRET",
        "postgresql://h/%zz",
        "postgresql://h/d?schema=\udc80",
        "postgresql://h/\udc80SECRET",
        "postgresql://h/%00SECRET",
    ],
)
def test_another_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(InvalidRequest, match="USE-001") as caught:
        Address.parse(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://db.example/d", "verify-full"),
        ("postgresql://192.0.2.7/d", "verify-full"),
        ("postgresql://localhost,db.example/d", "verify-full"),
        ("postgresql:///d?hostaddr=192.0.2.7", "verify-full"),
        ("postgresql://localhost/d?hostaddr=192.0.2.7", "verify-full"),
        ("postgresql://db.example/d?sslmode=require", "require"),
        ("postgresql://localhost/d", None),
        ("postgresql://[::1]/d", None),
        ("postgresql:///d", None),
        ("postgresql:///d?host=/run/postgresql", None),
        ("postgresql:///d?service=ward", None),
    ],
)
def test_a_host_elsewhere_must_prove_itself(url: str, mode: str | None) -> None:
    assert Address.parse(url).parameters.get("sslmode") == mode


def test_the_environment_decides_what_the_url_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    assert Address.parse("postgresql:///d").parameters["sslmode"] == "verify-full"
    monkeypatch.setenv("PGSSLMODE", "prefer")
    assert "sslmode" not in Address.parse("postgresql:///d").parameters


def test_nothing_is_said_in_clear_to_a_server_without_tls(tmp_path: Path) -> None:
    """127.0.0.2 is this machine too, but no name of it: as any other host."""
    heard: list[bytes] = []

    def answer(listening: socket.socket) -> None:
        for _ in range(2):
            peer, _ = listening.accept()
            with peer:
                heard.append(peer.recv(8))
                peer.sendall(b"N")
                heard.append(peer.recv(100))

    try:
        server = socket.create_server(("127.0.0.2", 0))
    except OSError:
        pytest.skip("this system has no second address of its own")
    with server as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        url = f"postgresql://nurse:word@127.0.0.2:{listening.getsockname()[1]}/ward?gssencmode=disable"
        with pytest.raises(StoreUnavailable, match="SEC-012"):
            Vault.open(url, keys=KeyFile.create(tmp_path / "key"))
        # The same server, asked to do without.
        with pytest.raises(StoreUnavailable, match="SEC-012"):
            Vault.open(url + "&sslmode=prefer", keys=KeyFile(tmp_path / "key"))
        thread.join()
    assert heard[:2] == [SSL_REQUEST, b""]
    assert b"nurse" in heard[3]
