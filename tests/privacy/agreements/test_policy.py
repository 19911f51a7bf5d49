"""Policy files: what is valid, and what a file must not leave open."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.policy import POLICY

from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.agreements import load_policy


def test_a_policy_file() -> None:
    policy = load_policy(POLICY)
    assert policy.digest == sha256(POLICY).hexdigest()
    assert [recipient.id for recipient in policy.recipients] == ["registry", "cloud", "clinic", "lost"]
    assert policy.controller.dpo.line() == "Data Protection Officer, dpo@hospital.example"
    assert load_policy(POLICY + b"\n# a comment\n").digest != policy.digest


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b"version = 1", b"version = 2", "version"),
        (b'id = "hospital-2026"', b'id = "two words"', "id"),
        (b"issued = 2026-01-01", b"issued = 2026-01-01T10:00:00", "issued"),
        (b"issued = 2026-01-01", b"issued = 10:00:00", "issued"),
        (b"issued = 2026-01-01", b"", "issued"),
        (b'role = "provider"', b'role = "friend"', "recipients.2.role"),
        (b'country = "US"', b'country = "usa"', "recipients.1.country"),
        (b"[controller.dpo]", b"[controller.official]", None),
        (b'kinds = ["observation"]', b'kinds = ["photo"]', None),
        (b"blocked = true", b'blocked = "yes"', "recipients.3.blocked"),
        (b'recipient = "registry"', b'recipient = "nobody"', None),
        (b'recipients = ["clinic"]', b'recipients = ["nobody"]', None),
        (b'id = "dpa-1"', b'id = "baa-1"', None),
        (b'code = "TREAT"', b'code = "ETREAT"', None),
        (b'exempt_purposes = ["TREAT"]', b"exempt_purposes = []", None),
        (b"years = 10", b"years = 0", None),
        (b"years = 10", b"years = -1", "retention.0.years"),
        (b"[[holds]]", b'digest = "x"\n[[holds]]', None),
        (b"version = 1", b'version = 1\ndigest = "aa"', "digest"),
        (b"version = 1", b"version = 1\nsecret = 4815162342", "secret"),
        (b"version = 1", b"version 1", None),
        (b"version = 1", b"\xff = 1", None),
    ],
)
def test_what_a_file_gets_wrong_is_told_and_its_values_are_not(old: bytes, new: bytes, path: str | None) -> None:
    assert old in POLICY
    with pytest.raises(InvalidRequest) as caught:
        load_policy(POLICY.replace(old, new, 1))
    assert caught.value.code == "AGR-001"
    assert path is None or caught.value.path == path
    for value in ("two words", "friend", "usa", "nobody", "4815162342"):
        assert value not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_policy_or_an_error(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        load_policy(data)


def test_deep_nesting_is_an_error() -> None:
    with pytest.raises(InvalidRequest):
        load_policy(b"a = " + b"[" * 100_000)
