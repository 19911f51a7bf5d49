"""AES-256-GCM by Project Wycheproof's vectors, through the one module that calls the cipher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.envelope import decrypt, encrypt
from iomt_interop.errors import DecryptionFailed


def test_aes_gcm_vectors(corpus: Path) -> None:
    document = json.loads((corpus / "privacy" / "wycheproof" / "aes_gcm_test.json").read_text())
    valid = invalid = 0
    for group in document["testGroups"]:
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        for test in group["tests"]:
            key, nonce, aad, message, ciphertext, tag = (
                bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
            )
            secret = SecretKey(key)
            if test["result"] == "valid":
                assert encrypt(secret, nonce, message, aad) == ciphertext + tag
                assert decrypt(secret, nonce, ciphertext + tag, aad) == message
                valid += 1
            else:
                with pytest.raises(DecryptionFailed):
                    decrypt(secret, nonce, ciphertext + tag, aad)
                invalid += 1
    assert valid >= 30
    assert invalid >= 15


def test_hmac_sha256_vectors(corpus: Path) -> None:
    """The keyed digest of handles, index and root; a truncated tag is the beginning of the whole one."""
    document = json.loads((corpus / "privacy" / "wycheproof" / "hmac_sha256_test.json").read_text())
    seen = {"valid": 0, "invalid": 0}
    for group in document["testGroups"]:
        for test in group["tests"]:
            tag = bytes.fromhex(test["tag"])
            computed = SecretKey(bytes.fromhex(test["key"])).mac(bytes.fromhex(test["msg"]))
            assert (computed[: group["tagSize"] // 8] == tag) == (test["result"] == "valid")
            seen[test["result"]] += 1
    assert min(seen.values()) >= 50
