"""Hybrid public key encryption against RFC 9180, written out here from its sections 4 and 5."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.hpke import ENCAPSULATED_SIZE, RecipientKey, RecipientSecret
from iomt_interop.errors import DecryptionFailed, InvalidRequest, KeyUnavailable

KEM = b"KEM\x00\x20"  # DHKEM(X25519, HKDF-SHA256)
HPKE = b"HPKE\x00\x20\x00\x01\x00\x02"  # with HKDF-SHA256 and AES-256-GCM


def extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """LabeledExtract of section 4."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256)


def expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """LabeledExpand of section 4."""
    data = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    first = hmac.digest(prk, data + b"\x01", hashlib.sha256)
    return first[:size]


def opened(sealed: bytes, key: X25519PrivateKey, info: bytes) -> bytes:
    """SealBase's inverse in mode base, sections 4.1 and 5.1."""
    encapsulated, ciphertext = sealed[:ENCAPSULATED_SIZE], sealed[ENCAPSULATED_SIZE:]
    shared = key.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    context = encapsulated + key.public_key().public_bytes_raw()
    secret = expand(KEM, extract(KEM, b"", b"eae_prk", shared), b"shared_secret", context, 32)
    schedule = b"\x00" + extract(HPKE, b"", b"psk_id_hash", b"") + extract(HPKE, b"", b"info_hash", info)
    prk = extract(HPKE, secret, b"secret", b"")
    nonce, aead = expand(HPKE, prk, b"base_nonce", schedule, 12), expand(HPKE, prk, b"key", schedule, 32)
    return AESGCM(aead).decrypt(nonce, ciphertext, b"")


@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_opens_by_the_rfc(plaintext: bytes, info: bytes, seed: bytes) -> None:
    secret = RecipientSecret(SecretKey(seed))
    sealed = secret.public.seal(plaintext, info)
    assert opened(sealed, X25519PrivateKey.from_private_bytes(seed), info) == plaintext
    assert secret.open(sealed, info) == plaintext
    assert len(sealed) == ENCAPSULATED_SIZE + len(plaintext) + 16


def test_anything_else_does_not_open() -> None:
    secret = RecipientSecret.generate()
    sealed = secret.public.seal(b"text", b"info")
    assert secret.public.seal(b"text", b"info") != sealed
    for wrong in (b"", sealed[:-1], sealed + b"\0", *(flip(sealed, n) for n in range(len(sealed)))):
        with pytest.raises(DecryptionFailed):
            secret.open(wrong, b"info")
    with pytest.raises(DecryptionFailed):
        secret.open(sealed, b"other")
    with pytest.raises(DecryptionFailed):
        RecipientSecret.generate().open(sealed, b"info")


def flip(data: bytes, at: int) -> bytes:
    """Change one bit; the top bit of an X25519 coordinate is ignored (RFC 7748 section 5), so not that one."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_keys_as_text_and_as_files(tmp_path: Path) -> None:
    secret = RecipientSecret.generate()
    assert RecipientKey.parse(f" {secret.public}\n") == secret.public
    for wrong in ("", "iomt-x25519:", "iomt-x25519:AAAA", str(secret.public)[:-1], "x" + str(secret.public)):
        with pytest.raises(InvalidRequest):
            RecipientKey.parse(wrong)
    with pytest.raises(InvalidRequest):
        RecipientKey(bytes(32)).seal(b"", b"")  # a point of small order agrees on nothing
    secret.save(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert RecipientSecret.load(tmp_path / "key").public == secret.public
    with pytest.raises(InvalidRequest):
        secret.save(tmp_path / "key")
    (tmp_path / "bad").write_text(str(secret.public))
    for path in (tmp_path / "bad", tmp_path / "none"):
        with pytest.raises(KeyUnavailable):
            RecipientSecret.load(path)
    assert "iomt" not in repr(secret).lower()
