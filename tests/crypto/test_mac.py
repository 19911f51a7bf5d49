"""The prepared MAC is HMAC-SHA-256, and a key that is wrapped anew is the same key."""

from __future__ import annotations

import hmac
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.crypto import KeyWrap, PreparedMac, SecretKey
from iomt_interop.errors import DecryptionFailed, InvalidRequest, KeyUnavailable


@pytest.mark.parametrize(
    ("key", "message", "expected"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ],
)
def test_published_vectors(key: bytes, message: bytes, expected: str) -> None:
    """RFC 4231 section 4, test cases 1 to 3."""
    assert PreparedMac(SecretKey(key))(message).hex() == expected


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=200), st.binary(max_size=90))
def test_it_is_the_other_implementation(key: bytes, message: bytes, prefix: bytes) -> None:
    mac = PreparedMac(SecretKey(key))
    assert mac(message) == hmac.digest(key, message, "sha256")
    behind = mac.behind(prefix)
    assert behind(message) == behind.behind(b"")(message) == hmac.digest(key, prefix + message, "sha256")
    assert mac(message) == hmac.digest(key, message, "sha256")
    many = [message, prefix, b"", message]
    assert mac.each(iter(many)) == [hmac.digest(key, each, "sha256") for each in many]


def test_a_wiped_one_makes_nothing() -> None:
    mac = PreparedMac(SecretKey(bytes(32)))
    mac.wipe()
    mac.wipe()
    for use in (mac, mac.behind, lambda message: mac.each([message])):
        with pytest.raises(KeyUnavailable, match="SEC-002"):
            use(b"")
    assert repr(mac) == "PreparedMac()"
    with pytest.raises(InvalidRequest):
        PreparedMac(SecretKey(bytes(65)))


def test_keys_are_wrapped_anew() -> None:
    old, new = KeyWrap(SecretKey.generate()), KeyWrap(SecretKey.generate())
    rewrapped = old.to(new, b"old", b"new")
    nonces = set()
    for number in range(2100):
        key, rest = os.urandom(32), b"%d" % number
        again = rewrapped(old.wrap(key, b"old" + rest), rest)
        assert new.unwrap(again, b"new" + rest) == SecretKey(key)
        nonces.add(again[:12])
    assert len(nonces) == 2100
    wrapped = old.wrap(bytes(32), b"old1")
    for bad, rest in ((wrapped, b"2"), (wrapped[:-1], b"1"), (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"1")):
        with pytest.raises(DecryptionFailed):
            rewrapped(bad, rest)
    with pytest.raises(DecryptionFailed):
        old.unwrap(again, b"new" + rest)
