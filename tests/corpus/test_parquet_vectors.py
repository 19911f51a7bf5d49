"""Encrypted Parquet files of other writers (apache/parquet-testing): the key decides, and so does what is covered."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomt_interop.columnar import read_parquet
from iomt_interop.crypto import SecretKey
from iomt_interop.errors import DecryptionFailed, InvalidRequest, KeyUnavailable, MalformedInput

KEY = SecretKey(b"01234567890123456789012345678901")
"""The footer's key, as the collection's README states it, for 256 bits."""


@pytest.fixture
def folder(corpus: Path) -> Path:
    return corpus / "privacy" / "parquet-encrypted" / "data"


def test_a_uniform_file_of_another_writer_is_decrypted(folder: Path) -> None:
    """It opens, and then has other columns than a table of records."""
    path = folder / "aes256" / "uniform_encryption.parquet.encrypted"
    with pytest.raises(MalformedInput, match="COL-001"):
        list(read_parquet(path, key=KEY))
    with pytest.raises(DecryptionFailed, match="SEC-001"):
        list(read_parquet(path, key=SecretKey(b"1" * 32)))
    with pytest.raises(KeyUnavailable, match="SEC-002"):
        list(read_parquet(path))


@pytest.mark.parametrize("name", ["encrypt_columns_and_footer_disable_aad_storage", "encrypt_columns_plaintext_footer"])
def test_what_the_key_alone_does_not_open(folder: Path, name: str) -> None:
    with pytest.raises(DecryptionFailed, match="SEC-001"):
        list(read_parquet(folder / "aes256" / f"{name}.parquet.encrypted", key=KEY))


def test_no_file_of_the_collection_passes_for_records(folder: Path) -> None:
    files = sorted(folder.rglob("*.encrypted"))
    assert len(files) >= 12
    for path in files:
        with pytest.raises((MalformedInput, DecryptionFailed)):
            list(read_parquet(path, key=KEY))
        with pytest.raises((MalformedInput, KeyUnavailable)):
            list(read_parquet(path))


def test_keys_of_128_bits_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidRequest):
        list(read_parquet(folder / "uniform_encryption.parquet.encrypted", key=SecretKey(b"0123456789012345")))
