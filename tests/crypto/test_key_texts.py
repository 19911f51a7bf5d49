"""Passphrases and variables as people and systems really write them."""

from __future__ import annotations

import os

import pytest

from iomt_interop.crypto import EnvironmentKey, PassphraseKey
from iomt_interop.errors import KeyUnavailable

PARAMETERS = {"kind": "scrypt", "salt": "00" * 16, "n": "2", "r": "1", "p": "1"}


def test_one_passphrase_however_its_letters_are_composed() -> None:
    """RFC 8265 section 4.2.2: Unicode normalization form C."""
    composed, decomposed = "Z\u00fcrich caf\u00e9", "Zu\u0308rich cafe\u0301"
    assert PassphraseKey(composed).key(PARAMETERS) == PassphraseKey(decomposed).key(PARAMETERS)
    assert PassphraseKey(composed).key(PARAMETERS) != PassphraseKey("Zurich cafe").key(PARAMETERS)


def test_a_passphrase_that_is_not_utf_8_is_taken() -> None:
    latin = os.fsdecode(b"caf\xe9")
    assert PassphraseKey(latin).key(PARAMETERS) == PassphraseKey(latin).key(PARAMETERS)
    assert PassphraseKey(latin).key(PARAMETERS) != PassphraseKey("caf").key(PARAMETERS)


@pytest.mark.parametrize("name", ["n", "r", "p"])
def test_a_vault_cannot_ask_for_all_memory(name: str) -> None:
    for value in (1 << 23, 1 << 40, 0, -1):
        with pytest.raises(KeyUnavailable):
            PassphraseKey("x").key({**PARAMETERS, "r": "8", name: str(value)})


@pytest.mark.parametrize("value", ["", "short", os.fsdecode(b"\xff\xfe"), "\u00e9" * 44, "A" * 45])
def test_a_variable_that_holds_no_key(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("IOMT_TEST_KEY", value)
    with pytest.raises(KeyUnavailable) as caught:
        EnvironmentKey("IOMT_TEST_KEY").key({"kind": "environment"})
    assert not value or value not in str(caught.value)
