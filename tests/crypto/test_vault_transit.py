"""Keys from a transit engine: the real client of hvac against an engine that speaks HTTP."""

from __future__ import annotations

import base64
import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import hvac
import pytest
from support.records import every_kind
from support.transit import TOKEN, Transit, transit_server

from iomt_interop.crypto import KeyProvider, RewrappingProvider, SecretKey
from iomt_interop.crypto.vault_transit import VaultTransitKey
from iomt_interop.errors import InvalidRequest, KeyUnavailable
from iomt_interop.vault import Vault


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    """Return an engine with a derived key and a plain one, named in the environment."""
    with transit_server(ward=True, plain=False) as transit:
        monkeypatch.setenv("VAULT_ADDR", transit.url)
        monkeypatch.setenv("VAULT_TOKEN", TOKEN)
        yield transit


def test_it_is_a_provider_that_says_nothing_of_itself() -> None:
    key = VaultTransitKey("SENTINEL", mount="SENTINEL", context=b"SENTINEL", client=object())
    assert isinstance(key, KeyProvider)
    assert isinstance(key, RewrappingProvider)
    assert repr(key) == "VaultTransitKey()"


@pytest.mark.parametrize("name", ["ward", "plain"])
def test_the_engine_gives_back_the_key_that_it_wrapped(engine: Transit, name: str) -> None:
    provider = VaultTransitKey(name)
    parameters = provider.parameters()
    assert parameters["kind"] == "vault-transit"
    assert parameters["wrapped"].startswith("vault:v1:")
    key = provider.key(parameters)
    assert len(key.value) == 32
    assert provider.key(parameters) == key
    assert provider.parameters() != parameters
    # Another reader of the engine, with the context that is documented.
    client = hvac.Client(url=engine.url, token=TOKEN)
    context = base64.b64encode(b"iomt vault key").decode()
    found = client.secrets.transit.decrypt_data(name=name, ciphertext=parameters["wrapped"], context=context)
    assert SecretKey(base64.b64decode(found["data"]["plaintext"])) == key
    assert [path for path, _ in engine.calls[:2]] == [
        f"/v1/transit/datakey/wrapped/{name}",
        f"/v1/transit/decrypt/{name}",
    ]


def test_the_context_binds_a_derived_key(engine: Transit) -> None:
    parameters = VaultTransitKey("ward", context=b"one").parameters()
    with pytest.raises(KeyUnavailable, match="was changed"):
        VaultTransitKey("ward", context=b"two").key(parameters)
    VaultTransitKey("ward", context=b"one").key(parameters)


def test_rewrap_takes_the_newest_version(engine: Transit, tmp_path: Path) -> None:
    provider = VaultTransitKey("ward")
    with Vault.create(tmp_path / "v", keys=provider) as vault:
        vault.put(every_kind())
        engine.keys["ward"].versions.append(SecretKey.generate())
        vault.rewrap(provider)
    engine.keys["ward"].lowest = 2
    with Vault.open(tmp_path / "v", keys=provider) as vault:
        vault.verify()
        assert list(vault.records(versions="all")) == every_kind()


def test_without_rewrap_an_old_version_closes_the_vault(engine: Transit, tmp_path: Path) -> None:
    provider = VaultTransitKey("ward")
    Vault.create(tmp_path / "v", keys=provider).close()
    engine.keys["ward"].versions.append(SecretKey.generate())
    Vault.open(tmp_path / "v", keys=provider).close()
    engine.keys["ward"].lowest = 2
    with pytest.raises(KeyUnavailable):
        Vault.open(tmp_path / "v", keys=provider)


def test_a_deleted_key_closes_the_vault(engine: Transit, tmp_path: Path) -> None:
    provider = VaultTransitKey("ward")
    with Vault.create(tmp_path / "v", keys=provider) as vault:
        vault.put(every_kind())
        vault.rotate(VaultTransitKey("plain"))
        vault.rotate(provider)
    Vault.open(tmp_path / "v", keys=provider).close()
    del engine.keys["ward"]
    with pytest.raises(KeyUnavailable) as caught:
        Vault.open(tmp_path / "v", keys=provider)
    assert str(caught.value) == "SEC-002: no key is available [the key service has no such key]"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, b'{"errors":["permission denied SENTINEL"]}', "denies"),
        (401, b"SENTINEL", "denies"),
        (404, b'{"errors":["SENTINEL"]}', "no such key"),
        (400, b'{"errors":["encryption key not found"]}', "no such key"),
        (400, b'{"errors":["SENTINEL"]}', "was changed"),
        (429, b'{"errors":["SENTINEL"]}', "busy"),
        (500, b"SENTINEL", "not ready"),
        (502, b"", "not ready"),
        (503, b'{"errors":["Vault is sealed"]}', "sealed"),
        (418, b'{"errors":["SENTINEL"]}', "refused"),
        (200, b"SENTINEL", "not valid"),
        (200, b"[]", "not valid"),
        (200, b"{}", "not valid"),
        (200, b'{"data":null}', "not valid"),
        (200, b'{"data":{"plaintext":7,"ciphertext":7}}', "not valid"),
        (204, b"", "not valid"),
    ],
)
def test_a_fault_is_told_in_words_of_our_own(engine: Transit, status: int, body: bytes, told: str) -> None:
    provider = VaultTransitKey("ward")
    parameters = provider.parameters()
    for call in (provider.parameters, lambda: provider.key(parameters), lambda: provider.rewrap(parameters)):
        engine.faults = [(status, body)]
        with pytest.raises(KeyUnavailable, match=told) as caught:
            call()
        assert caught.value.code == "SEC-002"
        assert "SENTINEL" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


@pytest.mark.parametrize("text", ["", "?", "c2hvcnQ=", "ü", base64.b64encode(bytes(33)).decode()])
def test_an_answer_that_is_no_key(engine: Transit, text: str) -> None:
    provider = VaultTransitKey("ward")
    parameters = provider.parameters()
    engine.faults = [(200, f'{{"data":{{"plaintext":"{text}"}}}}'.encode())]
    with pytest.raises(KeyUnavailable, match="256 bits"):
        provider.key(parameters)


def test_a_wrong_token_and_a_wrong_mount(engine: Transit, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyUnavailable, match="no such key"):
        VaultTransitKey("ward", mount="elsewhere").parameters()
    with pytest.raises(KeyUnavailable, match="no such key"):
        VaultTransitKey("other").parameters()
    monkeypatch.setenv("VAULT_TOKEN", "hvs.other")
    with pytest.raises(KeyUnavailable, match="denies"):
        VaultTransitKey("ward").parameters()
    monkeypatch.setenv("VAULT_TOKEN", "not\na token")
    with pytest.raises(KeyUnavailable, match="token"):
        VaultTransitKey("ward").parameters()


def test_the_name_space_of_the_environment(engine: Transit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_NAMESPACE", "hospital")
    VaultTransitKey("ward").parameters()
    assert engine.namespaces == {"hospital"}


def test_a_changed_wrapped_key(engine: Transit) -> None:
    provider = VaultTransitKey("ward")
    wrapped = provider.parameters()["wrapped"]
    raw = bytearray(base64.b64decode(wrapped.removeprefix("vault:v1:")))
    for place in range(0, len(raw), 7):
        raw[place] ^= 1
        with pytest.raises(KeyUnavailable, match="was changed"):
            provider.key({"kind": "vault-transit", "wrapped": "vault:v1:" + base64.b64encode(raw).decode()})
        raw[place] ^= 1
    with pytest.raises(KeyUnavailable, match="not valid"):
        provider.key({"kind": "vault-transit"})
    with pytest.raises(KeyUnavailable, match="comes from: environment"):
        provider.key({"kind": "environment"})


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    with pytest.raises(KeyUnavailable, match="cannot be reached"):
        VaultTransitKey("ward").parameters()


def test_no_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = hvac.Client(url=f"http://127.0.0.1:{silent.getsockname()[1]}", token=TOKEN, timeout=0.2)
        with pytest.raises(KeyUnavailable, match="in time"):
            VaultTransitKey("ward", client=client).parameters()


def test_no_tls_at_the_address(engine: Transit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", engine.url.replace("http:", "https:"))
    with pytest.raises(KeyUnavailable, match="no secure channel"):
        VaultTransitKey("ward").parameters()


@pytest.mark.parametrize("url", ["http://vault.hospital.example:8200", "vault:8200", "http://[", "ftp://127.0.0.2"])
def test_a_key_does_not_travel_in_clear(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VAULT_ADDR", url)
    with pytest.raises(KeyUnavailable, match="not https"):
        VaultTransitKey("ward").parameters()


def test_no_log_line_holds_the_key_or_the_token(engine: Transit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = VaultTransitKey("ward")
    key = provider.key(provider.parameters())
    assert "transit/decrypt" in caplog.text
    assert base64.b64encode(key.value).decode() not in caplog.text
    assert TOKEN not in caplog.text


def test_what_cannot_be_asked_for() -> None:
    for wrong in ({"name": ""}, {"name": "x", "mount": ""}, {"name": "x", "context": b""}):
        with pytest.raises(InvalidRequest):
            VaultTransitKey(**wrong)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    with pytest.raises(InvalidRequest, match=r"iomt_interop\[transit\]"):
        VaultTransitKey("ward").parameters()
