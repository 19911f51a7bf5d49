"""A vault's key from the transit engine of HashiCorp Vault or OpenBao; needs the extra ``transit`` (hvac).

The engine draws 256 bits and gives them out wrapped under a key that never leaves it. The wrapped key stands in the
vault, in clear; whom the engine lets decrypt it can open the vault, and when the key is deleted there, nobody can.

The policy of the token must allow ``update`` on ``MOUNT/datakey/wrapped/NAME`` to make or rotate a vault, on
``MOUNT/decrypt/NAME`` to open one, on ``MOUNT/rewrap/NAME`` to wrap its key anew.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import KEY_SIZE, SecretKey
from .keys import expect_kind

__all__ = ["KIND", "VaultTransitKey"]

KIND: Final = "vault-transit"
CONTEXT: Final = b"iomt vault key"
"""The key derivation context unless another is given."""

_SECONDS: Final = 10
_DEFAULT_URL: Final = "http://localhost:8200"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_HINTS: Final[dict[str, tuple[str, ...]]] = {
    "the key service denies access to the key": ("Forbidden", "Unauthorized"),
    "the key service has no such key": ("InvalidPath",),
    "the wrapped key is not of this key and context, or was changed": ("InvalidRequest",),
    "the key service is busy; try again": ("RateLimitExceeded",),
    "the key service is sealed or not ready": ("BadGateway", "InternalServerError", "VaultDown", "VaultNotInitialized"),
    "the key service's answer did not come in time": ("Timeout",),
    "no secure channel to the key service": ("SSLError",),
    "the key service cannot be reached": ("ConnectionError",),
    "the address or the token of the key service is not valid": ("InvalidHeader", "InvalidURL", "MissingSchema"),
}
"""What is told, and for which exception of hvac or requests."""
_BY_NAME: Final = {name: hint for hint, names in _HINTS.items() for name in names}
_NO_KEY: Final = "encryption key not found"
"""Text of the engine where a key is missing, which has the status of a wrong request."""


class VaultTransitKey:
    """A vault's key that a key of the transit engine wraps.

    Address, token, name space and certificates are found as the engine's own tools find them (``VAULT_ADDR``,
    ``VAULT_TOKEN``, ``VAULT_NAMESPACE``, ``VAULT_CACERT``), unless a client is given. Only an address of this machine
    may be without TLS.

    Parameters
    ----------
    name : str
        Name of the key. Make it with ``derived=true``: only then does the context bind.
    mount : str
        Where the engine is mounted.
    context : bytes
        Key derivation context, needed again to open the vault.
    client : object, optional
        A client of hvac, with whatever settings it has.
    """

    def __init__(self, name: str, *, mount: str = "transit", context: bytes = CONTEXT, client: Any = None) -> None:
        if not name or not mount or not context:
            raise InvalidRequest("USE-001", path="name", hint="name, mount and context are not empty")
        self._name, self._mount, self._client = name, mount, client
        self._context = base64.b64encode(context).decode()

    def __repr__(self) -> str:
        return "VaultTransitKey()"

    def parameters(self) -> dict[str, str]:
        """Let the engine draw a key; return it wrapped.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when it does not.
        """
        return self._wrapped(lambda transit, more: transit.generate_data_key(key_type="wrapped", bits=256, **more))

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Let the engine unwrap the key.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when it does not; the hint says why.
        """
        expect_kind(parameters, KIND)
        wrapped = _ciphertext(parameters)
        found = self._ask("plaintext", lambda transit, more: transit.decrypt_data(ciphertext=wrapped, **more))
        return _key_of(found)

    def rewrap(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Let the engine wrap the same key under the newest version of its own; it is not seen outside.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when it does not.
        """
        expect_kind(parameters, KIND)
        wrapped = _ciphertext(parameters)
        return self._wrapped(lambda transit, more: transit.rewrap_data(ciphertext=wrapped, **more))

    def _wrapped(self, call: Callable[[Any, dict[str, str]], Any]) -> dict[str, str]:
        return {"kind": KIND, "key": self._name, "wrapped": self._ask("ciphertext", call)}

    def _ask(self, field: str, call: Callable[[Any, dict[str, str]], Any]) -> str:
        """Return a field of the engine's answer; an exception of its client, which may hold anything, ends here."""
        hvac, foreign = _hvac()
        more = {"name": self._name, "mount_point": self._mount, "context": self._context}
        try:
            if self._client is None:
                self._client = _connected(hvac)
            answer = call(self._client.secrets.transit, more)
            found = answer["data"][field]
            if isinstance(found, str):
                return found
            hint = "the key service's answer is not valid"
        except foreign as error:
            hint = _hint(error)
        except (KeyError, TypeError, ValueError):
            hint = "the key service's answer is not valid"
        answer = found = None
        raise KeyUnavailable("SEC-002", hint=hint)


def _hvac() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return hvac and the exceptions that a client raises."""
    try:
        import hvac  # noqa: PLC0415
        import requests  # noqa: PLC0415
    except ImportError:
        raise InvalidRequest("USE-002", path="vault-transit", hint="pip install 'iomt_interop[transit]'") from None
    return hvac, (hvac.exceptions.VaultError, requests.RequestException, OSError)


def _connected(hvac: Any) -> Any:
    url = os.environ.get("VAULT_ADDR") or _DEFAULT_URL
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
    except ValueError:
        safe = False
    if not safe:
        raise KeyUnavailable("SEC-002", hint="the address of the key service is not https")
    return hvac.Client(url=url, namespace=os.environ.get("VAULT_NAMESPACE"), timeout=_SECONDS)


def _hint(error: Exception) -> str:
    """Say what went wrong in words of our own."""
    if _NO_KEY in (getattr(error, "errors", None) or ()):
        return _BY_NAME["InvalidPath"]
    known = (_BY_NAME[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _BY_NAME)
    return next(known, "the key service refused")


def _ciphertext(parameters: Mapping[str, str]) -> str:
    found = parameters.get("wrapped")
    if not found:
        raise KeyUnavailable("SEC-002", hint="the vault's key parameters are not valid")
    return found


def _key_of(text: str) -> SecretKey:
    """Return the key of an answer; what raises holds nothing of it."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    text = ""
    if len(raw) != KEY_SIZE:
        raw = b""
        raise KeyUnavailable("SEC-002", hint="the key service gave no key of 256 bits")
    return SecretKey.taken(raw)
