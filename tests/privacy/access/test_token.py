"""Access tokens: signed by another library's hand, and refused for every change that an attacker could make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

pytest.importorskip("joserfc", reason="the extra 'auth' is not installed")

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import AccessDenied, InvalidRequest
from iomt_interop.privacy.access import ALGORITHMS, TokenVerifier

NOW = 1_700_000_000
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC = ec.generate_private_key(ec.SECP256R1())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str, **more: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(numbers.n), "e": number(numbers.e)} | more


def ec_jwk(kid: str, **more: str) -> dict[str, str]:
    numbers = EC.public_key().public_numbers()
    x, y = (b64(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y} | more


JWKS: dict[str, Any] = {
    "keys": [rsa_jwk(RSA, "r"), ec_jwk("e"), rsa_jwk(SMALL, "small"), rsa_jwk(RSA, "p", alg="PS256")]
}
CLAIMS: dict[str, Any] = {
    "iss": "https://auth.example.org",
    "aud": "https://fhir.example.org",
    "sub": "user-1",
    "client_id": "app-1",
    "exp": NOW + 300,
    "iat": NOW - 10,
    "scope": "patient/Observation.rs user/*.r openid",
    "patient": "p-1",
    "fhirUser": "Practitioner/1",
    "extensions": {
        "ihe_iua": {
            "purpose_of_use": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]
        }
    },
}


def signed(claims: dict[str, Any] | None = None, **header: Any) -> str:
    """Sign with pyca/cryptography alone, as RFC 7515 says."""
    head = {"alg": "RS256", "kid": "r", "typ": "at+jwt"} | header
    head = {name: value for name, value in head.items() if value is not None}
    text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(CLAIMS | (claims or {})).encode())}"
    if head.get("alg") == "ES256":
        r, s = decode_dss_signature(EC.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    elif head.get("alg") == "HS256":
        public = RSA.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        signature = hmac.digest(public, text.encode(), hashlib.sha256)
    elif head.get("alg") == "none":
        signature = b""
    else:
        key = SMALL if head.get("kid") == "small" else RSA
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(signature)}"


def verifier(**more: Any) -> TokenVerifier:
    return TokenVerifier("https://auth.example.org", "https://fhir.example.org", JWKS, **more)


@pytest.mark.parametrize("header", [{}, {"alg": "ES256", "kid": "e"}])
def test_a_right_token_is_read(header: dict[str, str]) -> None:
    claims = verifier().verify(signed(**header), now=NOW)
    assert (claims.subject, claims.client, claims.patient, claims.user) == ("user-1", "app-1", "p-1", "Practitioner/1")
    assert [(s.level, s.resource, "".join(sorted(s.permissions))) for s in claims.scopes] == [
        ("patient", "Observation", "rs"),
        ("user", "*", "r"),
    ]
    assert [code for _, code in claims.purposes] == ["TREAT"]
    assert "user-1" not in repr(claims)


def test_several_audiences_and_scopes_in_a_list_are_read() -> None:
    claims = {"aud": ["https://other.example.org", "https://fhir.example.org"], "scope": ["user/*.rs"]}
    assert len(verifier().verify(signed(claims), now=NOW).scopes) == 1


@pytest.mark.parametrize(
    ("claims", "header", "why"),
    [
        ({}, {"alg": "none"}, "algorithm"),
        ({}, {"alg": "None"}, "algorithm"),
        ({}, {"alg": None}, "algorithm"),
        # The public key as a shared secret (RFC 8725 section 2.1).
        ({}, {"alg": "HS256"}, "algorithm"),
        ({}, {"alg": "RS512"}, "algorithm"),
        ({}, {"alg": "ES256", "kid": "r"}, "key"),
        ({}, {"alg": "RS256", "kid": "e"}, "key"),
        ({}, {"alg": "RS256", "kid": "p"}, "key"),
        ({}, {"kid": None}, "kid"),
        ({}, {"kid": "unknown"}, "kid"),
        ({}, {"kid": ["r"]}, "kid"),
        ({}, {"kid": "small"}, "kid"),
        ({}, {"crit": ["exp"]}, "header"),
        ({}, {"b64": False}, "header"),
        # A key that the token brings along is no key.
        ({}, {"kid": "mine", "jwk": rsa_jwk(SMALL, "mine")}, "kid"),
        ({}, {"kid": "mine", "jku": "https://evil.example.org/jwks"}, "kid"),
        ({"iss": "https://auth.example.org/"}, {}, "issuer"),
        ({"iss": None}, {}, "issuer"),
        ({"aud": "https://fhir.example.org.evil"}, {}, "audience"),
        ({"aud": []}, {}, "audience"),
        ({"aud": None}, {}, "audience"),
        ({"sub": ""}, {}, "sub"),
        ({"exp": NOW - 30}, {}, "exp"),
        ({"exp": None}, {}, "exp"),
        ({"exp": str(NOW + 300)}, {}, "exp"),
        ({"exp": True}, {}, "exp"),
        ({"exp": 1e300}, {}, "exp"),
        ({"nbf": NOW + 31}, {}, "nbf"),
        ({"nbf": "now"}, {}, "nbf"),
        ({"iat": NOW + 31}, {}, "iat"),
    ],
)
def test_every_other_token_is_refused_and_the_hint_says_which_check_it_was(
    claims: dict[str, Any], header: dict[str, Any], why: str
) -> None:
    with pytest.raises(AccessDenied) as caught:
        verifier().verify(signed(claims, **header), now=NOW)
    assert (caught.value.code, caught.value.hint) == ("PRV-203", why)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    ("claims", "now"), [({"exp": NOW - 29}, NOW), ({"nbf": NOW + 30}, NOW), ({"iat": NOW + 30}, NOW)]
)
def test_clocks_may_differ_by_the_leeway(claims: dict[str, Any], now: int) -> None:
    assert verifier().verify(signed(claims), now=now).subject == "user-1"
    with pytest.raises(AccessDenied):
        verifier(leeway=0).verify(signed(claims), now=now)


@given(st.data())
def test_no_changed_token_is_taken(data: st.DataObject) -> None:
    token = data.draw(st.sampled_from([signed(), signed(alg="ES256", kid="e")]))
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHabcdefgh0123456789-_."))
    changed = token[:place] + letter + token[place + 1 :]
    try:
        claims = verifier().verify(changed, now=NOW)
    except AccessDenied:
        return
    # Bits behind the last octet of a part carry nothing (RFC 4648 section 3.5).
    assert claims.raw == CLAIMS


@given(st.text(max_size=40))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(AccessDenied):
        verifier().verify(text, now=NOW)


def test_an_unknown_key_is_looked_for_once() -> None:
    asked = []

    def refresh() -> dict[str, Any]:
        asked.append(1)
        return JWKS

    late = TokenVerifier("https://auth.example.org", "https://fhir.example.org", {"keys": []}, refresh=refresh)
    assert late.verify(signed(), now=NOW).subject == "user-1"
    assert late.verify(signed(), now=NOW).subject == "user-1"
    assert asked == [1]
    with pytest.raises(AccessDenied):
        late.verify(signed(kid="unknown"), now=NOW)
    assert asked == [1, 1]

    def broken() -> dict[str, Any]:
        raise OSError("https://auth.example.org is down")

    with pytest.raises(AccessDenied) as caught:
        TokenVerifier("a", "b", {}, refresh=broken).verify(signed(), now=NOW)
    assert caught.value.hint == "keys"


def test_no_symmetric_algorithm_and_no_symmetric_key_can_be_let_in() -> None:
    assert not {"none", "HS256", "HS384", "HS512"} & ALGORITHMS.keys()
    with pytest.raises(InvalidRequest):
        verifier(algorithms=("HS256",))
    oct_key = {"kty": "oct", "kid": "r", "k": b64(b"0" * 32)}
    with pytest.raises(AccessDenied):
        TokenVerifier("https://auth.example.org", "https://fhir.example.org", {"keys": [oct_key]}).verify(
            signed(), now=NOW
        )
    with pytest.raises(InvalidRequest):
        TokenVerifier("a", "b", {"keys": [rsa_jwk(RSA, "r"), rsa_jwk(RSA, "r")]})
    encryption = {"keys": [rsa_jwk(RSA, "r", use="enc")]}
    with pytest.raises(AccessDenied):
        TokenVerifier("https://auth.example.org", "https://fhir.example.org", encryption).verify(signed(), now=NOW)
