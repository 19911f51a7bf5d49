"""Verify an access token (RFC 9068, RFC 8725) before anything of it counts; needs the extra ``auth`` (joserfc)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ...errors import AccessDenied, InvalidRequest
from ..vocabulary import Code
from .scopes import Scope, parse_scopes

if TYPE_CHECKING:
    from joserfc.jwk import Key

__all__ = ["ALGORITHMS", "Claims", "TokenVerifier"]

ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC", "EdDSA": "OKP", "Ed25519": "OKP",
}  # fmt: skip
"""Signature algorithms that can be allowed and the key type of each: no symmetric one and no ``none``.

With a symmetric algorithm in the list, a public key could be taken for a shared secret (RFC 8725 section 2.1).
"""
_MAX_TOKEN: Final = 1 << 14
_MIN_RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True, repr=False)
class Claims:
    """What a verified token says."""

    issuer: str
    subject: str
    client: str | None
    scopes: tuple[Scope, ...]
    patient: str | None
    """The patient in context (SMART ``patient``), as the authorisation server names them."""
    user: str | None
    """Reference to the user (SMART ``fhirUser``)."""
    purposes: tuple[Code, ...]
    """Purposes of use (IHE IUA ``purpose_of_use``)."""
    expires: int
    """Seconds since 1970."""
    raw: Mapping[str, Any] = field(repr=False, compare=False)


def _refused(why: str) -> AccessDenied:
    return AccessDenied("PRV-203", hint=why)


class TokenVerifier:
    """Verifies tokens of one issuer for one audience.

    Parameters
    ----------
    issuer, audience : str
        What ``iss`` must be and ``aud`` must name.
    jwks : mapping
        The issuer's JSON Web Key Set. Its keys are found by ``kid`` alone; whatever a token brings along (``jwk``,
        ``jku``, ``x5u``, ``x5c``) is ignored.
    algorithms : tuple of str
        Which of :data:`ALGORITHMS` are allowed.
    leeway : int
        Seconds by which clocks may differ.
    refresh : callable, optional
        Fetches the key set anew; called once for a token whose ``kid`` is not known. It must bound how often it asks.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        jwks: Mapping[str, Any],
        *,
        algorithms: tuple[str, ...] = ("RS256", "ES256"),
        leeway: int = 30,
        refresh: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        if not algorithms or not set(algorithms) <= ALGORITHMS.keys():
            raise InvalidRequest("USE-001", path="algorithms", hint="only asymmetric signatures can be allowed")
        if not issuer or not audience or not 0 <= leeway <= 300:
            raise InvalidRequest("USE-001", path="issuer, audience or leeway")
        self._issuer, self._audience, self._leeway, self._refresh = issuer, audience, leeway, refresh
        self._algorithms = frozenset(algorithms)
        self._keys = _import(jwks)

    def __repr__(self) -> str:
        return "TokenVerifier()"

    def verify(self, token: str, *, now: int) -> Claims:
        """Return what a token says once its signature, issuer, audience and times are right.

        Parameters
        ----------
        token : str
            The compact form (three parts).
        now : int
            Seconds since 1970.

        Raises
        ------
        AccessDenied
            ``PRV-203``; the hint says which check failed, and nothing of the token.
        """
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._algorithms:
            raise _refused("algorithm")
        if "crit" in header or "b64" in header or "enc" in header:
            raise _refused("header")
        if not isinstance(kid, str):
            raise _refused("kid")
        claims = self._claims(token, str(algorithm), self._key(kid, str(algorithm)))
        self._check(claims, now)
        return _read(claims)

    def _key(self, kid: str, algorithm: str) -> Key:
        entry = self._keys.get(kid)
        if entry is None and self._refresh is not None:
            try:
                self._keys = _import(self._refresh())
            except InvalidRequest:
                raise
            except Exception:  # noqa: BLE001 - whatever keeps the keys away, the token is not verified
                raise _refused("keys") from None
            entry = self._keys.get(kid)
        if entry is None:
            raise _refused("kid")
        kind, stated, key = entry
        if kind != ALGORITHMS[algorithm] or stated not in (None, algorithm):
            raise _refused("key")
        return key

    def _claims(self, token: str, algorithm: str, key: Key) -> dict[str, Any]:
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.jws import JWSRegistry  # noqa: PLC0415

        try:
            # The header was checked above; a strict registry would refuse harmless parameters of other profiles.
            registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
            found = jwt.decode(token, key, algorithms=[algorithm], registry=registry)
        except Exception:  # noqa: BLE001 - one answer for all, so that nothing can be probed
            raise _refused("signature") from None
        claims: dict[str, Any] = found.claims
        return claims

    def _check(self, claims: Mapping[str, Any], now: int) -> None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._issuer:
            raise _refused("issuer")
        if self._audience not in audiences:
            raise _refused("audience")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise _refused("sub")
        expires, begins, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
        if expires is None or now >= expires + self._leeway:
            raise _refused("exp")
        if begins is not None and now < begins - self._leeway:
            raise _refused("nbf")
        if issued is not None and now < issued - self._leeway:
            raise _refused("iat")


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    """Return a NumericDate; one that is none is refused, never passed over."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1 << 53:
        raise _refused(name)
    return int(value)


def _import(jwks: Mapping[str, Any]) -> dict[str, tuple[str, str | None, Key]]:
    """Take the signature keys of a set; symmetric keys, encryption keys and weak ones are no candidates."""
    try:
        from joserfc import jwk  # noqa: PLC0415
    except ImportError:
        raise InvalidRequest("USE-002", hint="install iomt_interop[auth]") from None
    found: dict[str, tuple[str, str | None, Key]] = {}
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    for each in keys if isinstance(keys, list) else ():
        kid, kind = each.get("kid"), each.get("kty")
        if not isinstance(kid, str) or kind not in ALGORITHMS.values() or each.get("use", "sig") != "sig":
            continue
        if kid in found:
            raise InvalidRequest("USE-001", path="jwks", hint="two keys of one kid")
        public = {name: value for name, value in each.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
        try:
            key: Any = jwk.import_key(public)
            weak = kind == "RSA" and key.public_key.key_size < _MIN_RSA_BITS
        except Exception:  # noqa: BLE001 - a key that cannot be used is no key
            weak = True
        if not weak:
            found[kid] = (kind, each.get("alg"), key)
    return found


def _header(token: str) -> dict[str, Any]:
    if len(token) > _MAX_TOKEN or token.count(".") != 2 or not token.isascii():
        raise _refused("form")
    first = token.partition(".")[0]
    try:
        header = json.loads(base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise _refused("form") from None
    if not isinstance(header, dict):
        raise _refused("form")
    return header


def _read(claims: dict[str, Any]) -> Claims:
    scope = claims.get("scope", "")
    if isinstance(scope, list):
        scope = " ".join(each for each in scope if isinstance(each, str))

    def text(*names: str) -> str | None:
        return next((claims[name] for name in names if isinstance(claims.get(name), str)), None)

    return Claims(
        issuer=claims["iss"],
        subject=claims["sub"],
        client=text("client_id", "azp"),
        scopes=parse_scopes(scope if isinstance(scope, str) else ""),
        patient=text("patient"),
        user=text("fhirUser"),
        purposes=tuple(_purposes(claims)),
        expires=int(claims["exp"]),
        raw=claims,
    )


def _purposes(claims: dict[str, Any]) -> list[Code]:
    extensions = claims.get("extensions")
    iua = extensions.get("ihe_iua") if isinstance(extensions, dict) else None
    stated = iua.get("purpose_of_use") if isinstance(iua, dict) else None
    return [
        (each["system"], each["code"])
        for each in (stated if isinstance(stated, list) else ())
        if isinstance(each, dict) and isinstance(each.get("system"), str) and isinstance(each.get("code"), str)
    ]
