"""Stretching by published vectors, key rings, key files of either form; no traceback shows a secret."""

from __future__ import annotations

import base64
import os
import traceback
from pathlib import Path

import pytest

from iomt_interop.crypto import (
    EnvironmentKey,
    KeyFile,
    KeyProvider,
    PassphraseKey,
    SecretKey,
    keyring,
    open_sealed,
    seal,
    wrap_key,
)
from iomt_interop.errors import DecryptionFailed, InvalidRequest, IomtError, KeyUnavailable

SALT = b"somesalt".hex()


@pytest.mark.parametrize(
    ("passphrase", "iterations", "lanes", "memory", "key"),
    [
        ("password", 2, 1, 65536, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"),
        ("password", 2, 2, 256, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"),
        ("password", 2, 1, 256, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
    ],
)
def test_argon2id_is_that_of_its_reference(passphrase: str, iterations: int, lanes: int, memory: int, key: str) -> None:
    """Test vectors of the reference implementation (phc-winner-argon2, test.c, version 0x13)."""
    cost = {"iterations": str(iterations), "lanes": str(lanes), "memory": str(memory)}
    assert PassphraseKey(passphrase).key({"kind": "argon2id", "salt": SALT, **cost}).value.hex() == key


@pytest.mark.parametrize("function", ["scrypt", "argon2id"])
def test_a_vault_says_itself_how_its_passphrase_is_stretched(function: str) -> None:
    made = PassphraseKey("correct horse", function=function)  # type: ignore[arg-type]
    parameters = made.parameters()
    assert parameters["kind"] == function
    assert PassphraseKey("correct horse").key(parameters) == made.key(parameters)
    assert PassphraseKey("wrong").key(parameters) != made.key(parameters)


@pytest.mark.parametrize("name", ["iterations", "lanes", "memory"])
@pytest.mark.parametrize("false", ["0", "-1", "1000000000", "1" + "0" * 12, "9" * 5000, "x", ""])
def test_false_parameters_cost_nothing(name: str, false: str) -> None:
    parameters = {**PassphraseKey("x", function="argon2id").parameters(), name: false}
    with pytest.raises(KeyUnavailable):
        PassphraseKey("x").key(parameters)


def test_a_key_ring_asks_the_provider_that_the_vault_was_made_with(tmp_path: Path) -> None:
    file, passphrase = KeyFile.create(tmp_path / "key"), PassphraseKey("x")
    ring = keyring(file, passphrase)
    assert isinstance(ring, KeyProvider)
    assert ring.parameters() == {"kind": "key-file"}
    for provider in (file, passphrase):
        parameters = provider.parameters()
        assert ring.key(parameters) == provider.key(parameters)
    with pytest.raises(KeyUnavailable, match="environment"):
        ring.key({"kind": "environment"})
    with pytest.raises(InvalidRequest):
        keyring()
    assert repr(ring) == "keyring(KeyFile(), PassphraseKey())"


def test_a_key_file_may_hold_the_bits_themselves_but_no_text_that_is_as_long(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for raw in (bytes(range(128, 160)), bytes(31) + b"\xff", b"\n" * 31 + b"\x80"):
        path.write_bytes(raw)
        assert KeyFile(path).key({"kind": "key-file"}).value == raw
        path.write_bytes(base64.b64encode(raw) + b"\r\n")
        assert KeyFile(path).key({"kind": "key-file"}).value == raw
    for text in (b"0123456789abcdef0123456789abcdef", b"correct horse battery staple 123", bytes(33), b"\xff" * 31):
        path.write_bytes(text)
        with pytest.raises(KeyUnavailable):
            KeyFile(path).key({"kind": "key-file"})


def test_a_key_that_was_overwritten_is_no_key_of_zeros() -> None:
    key = SecretKey.generate()
    held = key.value
    sealed = seal(key, b"x", b"")
    key.wipe()
    key.wipe()
    assert held == bytes(32)
    for use in (
        lambda: seal(key, b"x", b""),
        lambda: open_sealed(key, sealed, b""),
        lambda: wrap_key(key, key, b""),
        lambda: key.mac(b"x"),
        lambda: key.derive(b"x"),
    ):
        with pytest.raises(KeyUnavailable):
            use()


def shown(error: BaseException) -> str:
    """Return a traceback with the locals of every frame of the package, as error reporters send them."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in report.stack if f"iomt_interop{os.sep}" in frame.filename]
    assert frames
    return "".join(f"{frame.locals}" for frame in frames) + str(error)


def test_no_traceback_shows_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = os.urandom(32)
    key, path = SecretKey(secret), tmp_path / "key"
    path.write_text(secret.hex())
    monkeypatch.setenv("IOMT_TEST_KEY", secret.hex())
    sealed = seal(key, b"plaintext", b"header")
    derived: list[bytes] = []
    original = SecretKey.__init__

    def spy(self: SecretKey, value: bytes) -> None:
        derived.append(bytes(value))
        original(self, value)

    monkeypatch.setattr(SecretKey, "__init__", spy)
    secrets = [secret.hex(), "correct horse"]
    for attempt in (
        lambda: open_sealed(key, sealed, b"another"),
        lambda: KeyFile(path).key({"kind": "key-file"}),
        lambda: EnvironmentKey("IOMT_TEST_KEY").key({"kind": "environment"}),
        lambda: PassphraseKey("correct horse").key({"kind": "scrypt", "salt": "", "n": "3", "r": "8", "p": "1"}),
        lambda: PassphraseKey("correct horse").key({"kind": "argon2id"}),
    ):
        with pytest.raises((DecryptionFailed, KeyUnavailable)) as caught:
            attempt()
        assert isinstance(caught.value, IomtError)
        text = shown(caught.value)
        for value in (*secrets, *(repr(raw)[2:-1] for raw in (secret, *derived))):
            assert value not in text
    assert derived
