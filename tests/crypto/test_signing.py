"""Ed25519 keys and signatures by the vectors of RFC 8032 and of Go's note package."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.signing import SigningKey, VerifyKey
from iomt_interop.errors import InvalidRequest, KeyUnavailable

# RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
        "eeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
        "8dc027beceea1ec40a",
    ),
]
GO_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey("x", SecretKey(bytes.fromhex(seed)))
    assert key.verify_key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert key.verify_key.verify(bytes.fromhex(signature), bytes.fromhex(message))
    assert not key.verify_key.verify(bytes.fromhex(signature), bytes.fromhex(message) + b"!")
    assert not key.verify_key.verify(bytes.fromhex(signature)[:-1], bytes.fromhex(message))


def test_the_text_forms_are_those_of_go(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(GO_PRIVATE + "\n")
    key = SigningKey.load(tmp_path / "key")
    assert str(key.verify_key) == GO_PUBLIC
    assert VerifyKey.parse(GO_PUBLIC) == key.verify_key
    key.save(tmp_path / "again")
    assert (tmp_path / "again").read_text() == GO_PRIVATE + "\n"
    assert (tmp_path / "again").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidRequest):
        key.save(tmp_path / "again")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2Qc",
        "PeterNeumann+c74f20a3+!!",
        "PeterNeumann+c74f20a3+ä",
    ],
)
def test_what_is_no_key_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        VerifyKey.parse(text)
    (tmp_path / "key").write_text("PRIVATE+KEY+" + text)
    with pytest.raises(KeyUnavailable) as caught:
        SigningKey.load(tmp_path / "key")
    assert not text or text not in str(caught.value)
    with pytest.raises(KeyUnavailable):
        SigningKey.load(tmp_path / "none")


def test_a_key_shows_nothing() -> None:
    key = SigningKey.generate("hospital.example/audit")
    assert repr(key) == "SigningKey()"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    for name in ("", "two words", "a+b", "line\nbreak", "half\udcff"):
        with pytest.raises(InvalidRequest):
            SigningKey.generate(name)
    with pytest.raises(InvalidRequest):
        SigningKey("x", SecretKey(os.urandom(16)))
