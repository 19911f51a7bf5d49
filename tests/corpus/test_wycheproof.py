"""AES-256-GCM by Project Wycheproof's vectors, through the one module that calls the cipher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
            if test["result"] == "valid":
                assert encrypt(key, nonce, message, aad) == ciphertext + tag
                assert decrypt(key, nonce, ciphertext + tag, aad) == message
                valid += 1
            else:
                with pytest.raises(DecryptionFailed):
                    decrypt(key, nonce, ciphertext + tag, aad)
                invalid += 1
    assert valid >= 30
    assert invalid >= 15
