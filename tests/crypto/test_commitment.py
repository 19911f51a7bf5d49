"""A ciphertext that AES-GCM opens under two keys is made here; the commitment is what refuses it."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from iomt_interop.crypto import Sealed, SecretKey, open_sealed, seal
from iomt_interop.crypto.envelope import _block_keys, decrypt, encrypt
from iomt_interop.errors import DecryptionFailed

NONCE = bytes(12)
HEADER = b"a header of forty octets, in the clear.."


def multiply(a: int, b: int) -> int:
    """Multiply in GF(2^128) with the bit order of NIST SP 800-38D section 6.3."""
    product = 0
    for bit in range(127, -1, -1):
        if b >> bit & 1:
            product ^= a
        a = a >> 1 ^ (0xE1 << 120 if a & 1 else 0)
    return product


def inverse(a: int) -> int:
    """Return a^(2^128 - 2)."""
    result, power = 1 << 127, a
    for _ in range(127):
        power = multiply(power, power)
        result = multiply(result, power)
    return result


def cipher(key: SecretKey, block: bytes) -> int:
    """Encrypt one block with AES alone."""
    encryptor = Cipher(algorithms.AES(bytes(key.value)), modes.ECB()).encryptor()
    return int.from_bytes(encryptor.update(block), "big")


def blocks(*parts: bytes) -> list[int]:
    """Cut octets into zero-padded blocks."""
    padded = b"".join(part + bytes(-len(part) % 16) for part in parts)
    return [int.from_bytes(padded[i : i + 16], "big") for i in range(0, len(padded), 16)]


def unfinished_tag(key: SecretKey, associated: bytes, body: bytes, total: int) -> tuple[int, int]:
    """Return the tag as if the last block of ciphertext were zero, and the factor of that block."""
    h, digest = cipher(key, bytes(16)), 0
    lengths = (8 * len(associated)).to_bytes(8, "big") + (8 * total).to_bytes(8, "big")
    for block in [*blocks(associated, body), 0, *blocks(lengths)]:
        digest = multiply(digest ^ block, h)
    return digest ^ cipher(key, NONCE + b"\0\0\0\1"), multiply(h, h)


def two_key_ciphertext(one: SecretKey, two: SecretKey, associated: bytes) -> bytes:
    """Solve for the last block, so that both keys give one tag (Dodis et al., CRYPTO 2018, section 3)."""
    body = os.urandom(32)
    (tag_one, factor_one), (tag_two, factor_two) = (
        unfinished_tag(key, associated, body, len(body) + 16) for key in (one, two)
    )
    last = multiply(tag_one ^ tag_two, inverse(factor_one ^ factor_two))
    return body + last.to_bytes(16, "big") + (tag_one ^ multiply(last, factor_one)).to_bytes(16, "big")


def test_the_arithmetic_is_that_of_gcm() -> None:
    key, body = SecretKey.generate(), bytes(48)
    ciphertext = encrypt(key, NONCE, body, HEADER)
    tag, factor = unfinished_tag(key, HEADER, ciphertext[:32], 48)
    assert (tag ^ multiply(int.from_bytes(ciphertext[32:48], "big"), factor)).to_bytes(16, "big") == ciphertext[48:]


def test_a_ciphertext_for_two_keys_opens_under_neither_but_its_own() -> None:
    mine, theirs, salt = SecretKey.generate(), SecretKey.generate(), os.urandom(32)
    (key_one, commitment), (key_two, _) = _block_keys(mine, salt), _block_keys(theirs, salt)
    associated = HEADER + salt + commitment
    ciphertext = two_key_ciphertext(key_one, key_two, associated)
    readings = [decrypt(key, NONCE, ciphertext, associated) for key in (key_one, key_two)]
    assert readings[0] != readings[1], "AES-GCM itself opens it twice, to different texts"
    crafted = Sealed(salt, commitment, ciphertext)
    assert open_sealed(mine, crafted, HEADER) == readings[0]
    with pytest.raises(DecryptionFailed):
        open_sealed(theirs, crafted, HEADER)


def test_the_commitment_is_compared_before_anything_is_decrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(SecretKey.generate(), b"plaintext", HEADER)
    called: list[str] = []
    monkeypatch.setattr("iomt_interop.crypto.envelope.decrypt", lambda *_: called.append("decrypt"))
    with pytest.raises(DecryptionFailed):
        open_sealed(SecretKey.generate(), sealed, HEADER)
    assert called == []
