"""Keys from AWS KMS: the wire by moto and boto3, destruction and faults by a service that destroys at once."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions as foreign
import pytest
from botocore.config import Config
from moto import mock_aws
from support.kms import FakeKms, refusal
from support.records import SECRET, every_kind

from iomt_interop.crypto import EnvironmentKey, KeyProvider, RewrappingProvider, keyring
from iomt_interop.crypto.aws_kms import AwsKmsKey
from iomt_interop.errors import InvalidRequest, IomtError, KeyUnavailable
from iomt_interop.vault import KeyFile, Vault

REGION = "eu-central-1"
CREDENTIALS = {"aws_access_key_id": "AKIASENTINEL", "aws_secret_access_key": "SECRETSENTINEL"}


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return boto3's own client, answered by moto."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield boto3.client("kms", region_name=REGION)


def closed(**more: Any) -> Any:
    """Return a client that tries once and does not wait."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=0.2)
    return boto3.client("kms", region_name=REGION, config=config, **CREDENTIALS, **more)


def test_it_is_a_provider_that_says_nothing_of_itself() -> None:
    key = AwsKmsKey("alias/SENTINEL", region="SENTINEL", encryption_context={"SENTINEL": "SENTINEL"}, client=object())
    assert isinstance(key, KeyProvider)
    assert isinstance(key, RewrappingProvider)
    assert repr(key) == "AwsKmsKey()"


def test_boto3_takes_and_gives_what_the_provider_says(kms: Any) -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    provider = AwsKmsKey(key_id)
    parameters = provider.parameters()
    key = provider.key(parameters)
    assert len(key.value) == 32
    assert provider.key(parameters) == key
    assert provider.parameters() != parameters
    assert parameters["kind"] == "aws-kms"
    # Another reader of KMS, with the context that is documented.
    found = kms.decrypt(
        CiphertextBlob=base64.b64decode(parameters["wrapped"]), EncryptionContext={"iomt-purpose": "vault-key"}
    )
    assert found["Plaintext"] == bytes(key.value)
    assert found["KeyId"] == parameters["key"]


def test_kms_binds_the_context_and_wraps_anew(kms: Any) -> None:
    first, second = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    provider = AwsKmsKey(first, encryption_context={"ward": "7"}, client=kms)
    parameters = provider.parameters()
    with pytest.raises(KeyUnavailable, match="was changed"):
        AwsKmsKey(first, encryption_context={"ward": "8"}, client=kms).key(parameters)
    with pytest.raises(KeyUnavailable, match="was changed"):
        AwsKmsKey(first, client=kms).key(parameters)
    anew = AwsKmsKey(second, encryption_context={"ward": "7"}, client=kms)
    moved = anew.rewrap(parameters)
    assert moved["wrapped"] != parameters["wrapped"]
    assert moved["key"] != parameters["key"]
    assert anew.key(moved) == provider.key(parameters)


def test_an_unknown_key(kms: Any) -> None:
    with pytest.raises(KeyUnavailable, match="no such key"):
        AwsKmsKey("1234abcd-12ab-34cd-56ef-1234567890ab").parameters()


def test_a_disabled_key() -> None:
    kms = FakeKms("one")
    provider = AwsKmsKey("one", client=kms)
    parameters = provider.parameters()
    kms.disabled.add("one")
    for call in (provider.parameters, lambda: provider.key(parameters), lambda: provider.rewrap(parameters)):
        with pytest.raises(KeyUnavailable, match="disabled"):
            call()


def test_no_log_line_holds_the_key(kms: Any, caplog: pytest.LogCaptureFixture) -> None:
    provider = AwsKmsKey(kms.create_key()["KeyMetadata"]["KeyId"])
    parameters = provider.parameters()
    caplog.set_level(logging.DEBUG)
    text = base64.b64encode(provider.key(parameters).value).decode()
    assert text not in caplog.text
    assert "AKIASENTINEL" not in caplog.text
    # boto3 itself does log it, so the silence above is the provider's.
    kms.decrypt(CiphertextBlob=base64.b64decode(parameters["wrapped"]), EncryptionContext={"iomt-purpose": "vault-key"})
    assert text in caplog.text


def test_a_vault_is_made_opened_and_rotated(kms: Any, tmp_path: Path) -> None:
    first, second = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    with Vault.create(tmp_path / "v", keys=AwsKmsKey(first)) as vault:
        vault.put(every_kind())
    with Vault.open(tmp_path / "v", keys=keyring(EnvironmentKey(), AwsKmsKey(first)), mode="write") as vault:
        assert list(vault.records(versions="all")) == every_kind()
        vault.rotate(AwsKmsKey(second))
    with pytest.raises(KeyUnavailable):
        Vault.open(tmp_path / "v", keys=AwsKmsKey(first))
    with Vault.open(tmp_path / "v", keys=AwsKmsKey(second)) as vault:
        vault.verify()
        assert list(vault.records(versions="all")) == every_kind()
    with pytest.raises(KeyUnavailable, match="comes from: aws-kms"):
        Vault.open(tmp_path / "v", keys=KeyFile.create(tmp_path / "k"))


def test_a_destroyed_key_closes_the_vault_and_its_copies(tmp_path: Path) -> None:
    kms = FakeKms("one", "two")
    old = AwsKmsKey("one", client=kms)
    with Vault.create(tmp_path / "v", keys=old) as vault:
        vault.put(every_kind())
        vault.backup(tmp_path / "copy")
        vault.rotate(AwsKmsKey("two", client=kms))
    Vault.open(tmp_path / "copy", keys=old).close()
    kms.destroy("one")
    with pytest.raises(KeyUnavailable) as caught:
        Vault.open(tmp_path / "copy", keys=old)
    assert str(caught.value) == "SEC-002: no key is available [the key service has no such key]"
    assert SECRET.encode() not in (tmp_path / "copy").read_bytes()
    with Vault.open(tmp_path / "v", keys=AwsKmsKey("two", client=kms)) as vault:
        assert list(vault.records(versions="all")) == every_kind()
    kms.destroy("two")
    with pytest.raises(KeyUnavailable, match="no such key"):
        Vault.open(tmp_path / "v", keys=AwsKmsKey("two", client=kms))


def test_the_vaults_key_is_wrapped_anew_and_stays(tmp_path: Path) -> None:
    kms = FakeKms("one", "two")
    with Vault.create(tmp_path / "v", keys=AwsKmsKey("one", client=kms)) as vault:
        vault.put(every_kind())
        vault.rewrap(AwsKmsKey("two", client=kms))
    assert [name for name, _ in kms.calls][-2:] == ["ReEncrypt", "Decrypt"]
    kms.destroy("one")
    with Vault.open(tmp_path / "v", keys=AwsKmsKey("two", client=kms)) as vault:
        assert list(vault.records(versions="all")) == every_kind()


def test_a_service_that_wraps_another_key_changes_nothing(tmp_path: Path) -> None:
    kms = FakeKms("one")
    provider = AwsKmsKey("one", client=kms)

    class Wrong(AwsKmsKey):
        def rewrap(self, parameters: object) -> dict[str, str]:
            return self.parameters()

    with Vault.create(tmp_path / "v", keys=provider) as vault:
        with pytest.raises(KeyUnavailable, match="another key"):
            vault.rewrap(Wrong("one", client=kms))
        vault.put(every_kind())
    Vault.open(tmp_path / "v", keys=provider).close()


def test_parameters_of_another_key_do_not_open(tmp_path: Path) -> None:
    """Who can write the file could name a key that he owns; the provider's own key id decides."""
    kms = FakeKms("ours", "theirs")
    provider = AwsKmsKey("ours", client=kms)
    with pytest.raises(KeyUnavailable, match="was changed"):
        provider.key(AwsKmsKey("theirs", client=kms).parameters())


FAULTS = [
    (refusal("ThrottlingException"), "busy"),
    (refusal("KMSInternalException", status=500), "busy"),
    (refusal("SomethingNew", status=503), "busy"),
    (refusal("SomethingNew"), "refused"),
    (refusal("com.amazonaws.kms#AccessDeniedException"), "denies"),
    (refusal("ExpiredTokenException"), "denies"),
    (refusal("KMSInvalidStateException"), "disabled, or its deletion is pending"),
    (refusal("InvalidKeyUsageException"), "symmetric"),
    (foreign.NoCredentialsError(), "no credentials"),
    (foreign.NoRegionError(), "no region"),
    (foreign.ReadTimeoutError(endpoint_url="SENTINEL"), "in time"),
    (foreign.ConnectTimeoutError(endpoint_url="SENTINEL"), "in time"),
    (foreign.EndpointConnectionError(endpoint_url="SENTINEL"), "cannot be reached"),
    (foreign.ProxyConnectionError(proxy_url="SENTINEL"), "cannot be reached"),
    (foreign.SSLError(endpoint_url="SENTINEL", error="SENTINEL"), "secure channel"),
    (foreign.ParamValidationError(report="SENTINEL"), "refused"),
    (PermissionError("SENTINEL"), "refused"),
]


@pytest.mark.parametrize(("fault", "told"), FAULTS, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_a_fault_is_told_in_words_of_our_own(tmp_path: Path, fault: Exception, told: str) -> None:
    kms = FakeKms("one")
    provider = AwsKmsKey("one", client=kms)
    Vault.create(tmp_path / "v", keys=provider).close()
    for call in (provider.parameters, lambda: Vault.open(tmp_path / "v", keys=provider)):
        kms.faults = [fault]
        with pytest.raises(KeyUnavailable, match=told) as caught:
            call()
        assert caught.value.code == "SEC-002"
        assert "SENTINEL" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
    kms.faults = [fault]
    with pytest.raises(KeyUnavailable):
        Vault.create(tmp_path / "none", keys=provider)
    assert not (tmp_path / "none").exists()
    Vault.open(tmp_path / "v", keys=provider).close()


def test_rotation_that_fails_leaves_the_vault_as_it_is(tmp_path: Path) -> None:
    kms = FakeKms("one", "two")
    first, second = AwsKmsKey("one", client=kms), AwsKmsKey("two", client=kms)
    with Vault.create(tmp_path / "v", keys=first) as vault:
        vault.put(every_kind())
        for faults in ([refusal("AccessDeniedException")], [refusal("ThrottlingException")]):
            kms.faults = list(faults)
            with pytest.raises(KeyUnavailable):
                vault.rotate(second)
        assert list(vault.records(versions="all")) == every_kind()
    with Vault.open(tmp_path / "v", keys=first) as vault:
        vault.verify()


def test_nobody_at_the_address() -> None:
    with pytest.raises(KeyUnavailable, match="cannot be reached"):
        AwsKmsKey("one", client=closed(endpoint_url="http://127.0.0.1:1")).parameters()


def test_no_answer_at_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(KeyUnavailable, match="in time"):
            AwsKmsKey("one", client=closed(endpoint_url=f"http://127.0.0.1:{port}")).parameters()


@pytest.mark.parametrize("plaintext", [b"", b"short", b"x" * 33, "x" * 32, None])
def test_an_answer_that_is_no_key(plaintext: object) -> None:
    class Odd(FakeKms):
        def decrypt(self, **given: Any) -> dict[str, Any]:
            return {"Plaintext": plaintext}

    kms = Odd("one")
    provider = AwsKmsKey("one", client=kms)
    with pytest.raises(KeyUnavailable, match="256 bits"):
        provider.key(provider.parameters())


def test_parameters_that_are_none() -> None:
    provider = AwsKmsKey("one", client=FakeKms("one"))
    for parameters in ({"kind": "aws-kms"}, {"kind": "aws-kms", "wrapped": "?"}, {"kind": "aws-kms", "wrapped": "ü"}):
        with pytest.raises(KeyUnavailable, match="not valid"):
            provider.key(parameters)
    with pytest.raises(KeyUnavailable, match="comes from: key-file"):
        provider.key({"kind": "key-file"})


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(InvalidRequest):
        AwsKmsKey("")
    with pytest.raises(InvalidRequest):
        AwsKmsKey("one", encryption_context={"iomt-purpose": "other"})


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(IomtError, match=r"iomt_interop\[kms\]"):
        AwsKmsKey("one").parameters()
