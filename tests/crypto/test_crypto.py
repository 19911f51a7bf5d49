"""The envelope and the key providers: known answers, one key per ciphertext, nothing shown."""

from __future__ import annotations

import base64
import copy
import os
import pickle
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.crypto import (
    EnvironmentKey,
    KeyFile,
    PassphraseKey,
    SecretKey,
    known_answer,
    open_sealed,
    seal,
    unwrap_key,
    wrap_key,
)
from iomt_interop.errors import DecryptionFailed, InvalidRequest, KeyUnavailable

KEY = SecretKey(bytes(range(32)))


def test_the_cipher_gives_its_known_answer() -> None:
    assert known_answer()


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens(plaintext: bytes, header: bytes) -> None:
    assert open_sealed(KEY, seal(KEY, plaintext, header), header) == plaintext


@given(st.data())
def test_any_changed_bit_is_refused(data: st.DataObject) -> None:
    sealed, header = seal(KEY, b"plaintext", b"header"), b"header"
    parts = {"salt": sealed.salt, "commitment": sealed.commitment, "ciphertext": sealed.ciphertext, "header": header}
    name = data.draw(st.sampled_from(sorted(parts)))
    raw = bytearray(parts[name])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = sealed if name == "header" else replace(sealed, **{name: bytes(raw)})
    with pytest.raises(DecryptionFailed) as caught:
        open_sealed(KEY, changed, bytes(raw) if name == "header" else header)
    assert str(caught.value) == "SEC-001: the data cannot be decrypted: wrong key or changed data"
    assert caught.value.__cause__ is None


def test_a_commitment_binds_the_ciphertext_to_one_key() -> None:
    """A ciphertext with its commitment taken over from another key opens under neither."""
    other = SecretKey(bytes(32))
    mine, theirs = seal(KEY, b"x", b""), seal(other, b"x", b"")
    crossed = replace(mine, commitment=theirs.commitment)
    for key in (KEY, other):
        with pytest.raises(DecryptionFailed):
            open_sealed(key, crossed, b"")


def test_equal_blocks_never_look_equal() -> None:
    seen = {seal(KEY, b"same", b"same").ciphertext for _ in range(50)}
    assert len(seen) == 50


def test_wrapped_keys_are_bound_to_their_context() -> None:
    key = SecretKey.generate()
    wrapped = wrap_key(KEY, key, b"subject 1")
    assert unwrap_key(KEY, wrapped, b"subject 1") == key
    for context, raw in ((b"subject 2", wrapped), (b"subject 1", wrapped[:-1]), (b"subject 1", b"")):
        with pytest.raises(DecryptionFailed):
            unwrap_key(KEY, raw, context)


def test_keys_are_never_shown() -> None:
    for thing in (KEY, seal(KEY, b"plaintext", b""), PassphraseKey("correct horse"), KeyFile("/somewhere/key")):
        text = repr(thing) + str(thing)
        assert "horse" not in text
        assert "somewhere" not in text
        assert KEY.value.hex() not in text
        assert repr(KEY.value)[2:20] not in text
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
    with pytest.raises(TypeError):
        copy.deepcopy(KEY)


def test_a_passphrase_needs_its_salt() -> None:
    provider = PassphraseKey("correct horse")
    one, two = provider.parameters(), provider.parameters()
    assert one["salt"] != two["salt"]
    assert provider.key(one) == PassphraseKey("correct horse").key(one)
    assert provider.key(one) != provider.key(two)
    assert provider.key(one) != PassphraseKey("wrong").key(one)
    with pytest.raises(InvalidRequest):
        PassphraseKey("")
    for bad in (
        {**one, "n": "3"},
        {**one, "n": str(1 << 40)},
        {**one, "salt": "zz"},
        {"kind": "scrypt"},
        {"kind": "key-file"},
    ):
        with pytest.raises(KeyUnavailable):
            provider.key(bad)


def test_scrypt_is_that_of_rfc_7914() -> None:
    """RFC 7914 section 12, third vector, of which a key takes the first 32 octets."""
    provider = PassphraseKey("pleaseletmein")
    key = provider.key({"kind": "scrypt", "salt": b"SodiumChloride".hex(), "n": "16384", "r": "8", "p": "1"})
    assert key.value.hex() == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"


def test_a_key_file_is_its_owner_s_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = KeyFile.create(path).key({"kind": "key-file"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert base64.b64decode(path.read_bytes()) == key.value
    with pytest.raises(InvalidRequest):
        KeyFile.create(path)
    with pytest.raises(KeyUnavailable):
        KeyFile(tmp_path / "none").key({"kind": "key-file"})
    path.write_text("not a key")
    with pytest.raises(KeyUnavailable):
        KeyFile(path).key({"kind": "key-file"})


def test_a_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = EnvironmentKey("IOMT_TEST_KEY")
    with pytest.raises(KeyUnavailable):
        provider.key(provider.parameters())
    monkeypatch.setenv("IOMT_TEST_KEY", base64.b64encode(os.urandom(32)).decode())
    assert provider.key(provider.parameters()) == provider.key(provider.parameters())
