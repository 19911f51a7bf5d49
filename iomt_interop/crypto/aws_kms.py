"""A vault's key from AWS KMS; needs the extra ``kms`` (boto3).

KMS draws 256 bits and gives them out wrapped under a key that never leaves it. The wrapped key stands in the vault,
in clear; whom KMS lets decrypt it can open the vault, and when the key in KMS is destroyed, nobody can.

The policy of the key must allow ``kms:GenerateDataKeyWithoutPlaintext`` to make or rotate a vault, ``kms:Decrypt`` to
open one, ``kms:ReEncrypt*`` to wrap its key anew.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import KEY_SIZE, SecretKey
from .keys import expect_kind

__all__ = ["KIND", "AwsKmsKey"]

KIND: Final = "aws-kms"
PURPOSE: Final = {"iomt-purpose": "vault-key"}
"""In the encryption context of every call: what was wrapped for something else does not open."""

_ATTEMPTS: Final = 4
_SECONDS: Final = {"connect_timeout": 5, "read_timeout": 10}

_HINTS: Final[dict[str, tuple[str, ...]]] = {
    "the key service denies access to the key": (
        "AccessDeniedException", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId",
        "InvalidSignatureException", "MissingAuthenticationToken", "NotAuthorized", "OptInRequired",
        "SignatureDoesNotMatch", "UnrecognizedClientException",
    ),
    "the key service has no such key": ("NotFoundException", "InvalidArnException"),
    "the key is disabled, or its deletion is pending": ("DisabledException", "KMSInvalidStateException"),
    "the wrapped key is not of this key and encryption context, or was changed": (
        "IncorrectKeyException", "InvalidCiphertextException",
    ),
    "the key is not for symmetric encryption": ("InvalidKeyUsageException", "UnsupportedOperationException"),
    "the key service is busy; try again": (
        "DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException", "LimitExceededException",
        "RequestLimitExceeded", "ServiceUnavailable", "Throttling", "ThrottlingException", "TooManyRequestsException",
    ),
    "no credentials for the key service": (
        "CredentialRetrievalError", "NoAuthTokenError", "NoCredentialsError", "PartialCredentialsError",
        "SSOTokenLoadError", "TokenRetrievalError", "UnauthorizedSSOTokenError",
    ),
    "no region is set for the key service": ("InvalidRegionError", "NoRegionError"),
    "the key service's answer did not come in time": ("ConnectTimeoutError", "ReadTimeoutError"),
    "the key service cannot be reached": (
        "ConnectionClosedError", "ConnectionError", "EndpointConnectionError", "HTTPClientError", "IncompleteReadError",
        "ProxyConnectionError", "ResponseStreamingError",
    ),
    "no secure channel to the key service": ("SSLError",),
}  # fmt: skip
"""What is told, and for which error code of KMS or exception of botocore."""
_BY_NAME: Final = {name: hint for hint, names in _HINTS.items() for name in names}
_ELSE: Final = "the key service refused"

_ASKING: Final[ContextVar[bool]] = ContextVar("asking", default=False)


class _Unlogged(logging.Filter):
    """Keep what botocore logs at DEBUG out of the logs: whole answers, with the key, and session tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _ASKING.get()


for _name in ("botocore.auth", "botocore.endpoint", "botocore.parsers"):
    logging.getLogger(_name).addFilter(_Unlogged())


class AwsKmsKey:
    """A vault's key that a symmetric key of AWS KMS wraps.

    Credentials, region and endpoint are found as boto3 finds them (``AWS_PROFILE``, ``AWS_REGION``, the role of the
    machine), unless a client is given.

    Parameters
    ----------
    key_id : str
        Key id, ARN or alias. A vault opens with this key alone, whatever its parameters say.
    region : str, optional
        AWS region; boto3's own search by default.
    encryption_context : mapping of str to str, optional
        Bound to the wrapped key, and needed again to open the vault. KMS writes it in clear into its own log, so it
        must say nothing of a patient.
    client : object, optional
        A KMS client of boto3, with whatever settings it has.
    """

    def __init__(
        self,
        key_id: str,
        *,
        region: str | None = None,
        encryption_context: Mapping[str, str] | None = None,
        client: Any = None,
    ) -> None:
        if not key_id:
            raise InvalidRequest("USE-001", path="key_id", hint="id, ARN or alias of a key")
        if PURPOSE.keys() & (encryption_context or {}).keys():
            raise InvalidRequest("USE-001", path="encryption_context", hint="iomt-purpose is set already")
        self._key_id, self._region, self._client = key_id, region, client
        self._context = {**(encryption_context or {}), **PURPOSE}

    def __repr__(self) -> str:
        return "AwsKmsKey()"

    def parameters(self) -> dict[str, str]:
        """Let KMS draw a key; return it wrapped.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when KMS does not.
        """
        answer = self._ask(
            "generate_data_key_without_plaintext",
            KeyId=self._key_id,
            KeySpec="AES_256",
            EncryptionContext=self._context,
        )
        return _wrapped(answer)

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Let KMS unwrap the key.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when KMS does not; the hint says why.
        """
        expect_kind(parameters, KIND)
        answer = self._ask(
            "decrypt", CiphertextBlob=_blob(parameters), KeyId=self._key_id, EncryptionContext=self._context
        )
        return _key_of(answer)

    def rewrap(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Let KMS wrap the same key anew, under this provider's key; it is not seen outside of KMS.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when KMS does not.
        """
        expect_kind(parameters, KIND)
        answer = self._ask(
            "re_encrypt",
            CiphertextBlob=_blob(parameters),
            SourceEncryptionContext=self._context,
            DestinationKeyId=self._key_id,
            DestinationEncryptionContext=self._context,
        )
        return _wrapped(answer)

    def _ask(self, operation: str, **arguments: object) -> Mapping[str, Any]:
        """Call KMS; an exception of its client, which may hold anything, ends here."""
        boto3, config, foreign = _boto3()
        token = _ASKING.set(True)
        try:
            if self._client is None:
                self._client = boto3.client("kms", region_name=self._region, config=config)
            answer: Mapping[str, Any] = getattr(self._client, operation)(**arguments)
            return answer
        except foreign as error:
            hint = _hint(error)
        finally:
            _ASKING.reset(token)
        raise KeyUnavailable("SEC-002", hint=hint)


def _boto3() -> tuple[Any, Any, tuple[type[Exception], ...]]:
    """Return boto3, our settings of a client, and the exceptions that a client raises."""
    try:
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise InvalidRequest("USE-002", path="aws-kms", hint="pip install 'iomt_interop[kms]'") from None
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    return boto3, Config(retries=retries, **_SECONDS), (BotoCoreError, ClientError, OSError)


def _hint(error: Exception) -> str:
    """Say what went wrong in words of our own."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        code = response.get("Error", {}).get("Code")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        busy = _BY_NAME["ThrottlingException"] if status >= 500 else _ELSE
        return _BY_NAME.get(str(code).rpartition("#")[2], busy)
    return next((_BY_NAME[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _BY_NAME), _ELSE)


def _wrapped(answer: Mapping[str, Any]) -> dict[str, str]:
    blob, key_id = answer.get("CiphertextBlob"), answer.get("KeyId", "")
    if not isinstance(blob, bytes) or not blob or not isinstance(key_id, str):
        raise KeyUnavailable("SEC-002", hint="the key service gave no wrapped key")
    return {"kind": KIND, "key": key_id, "wrapped": base64.b64encode(blob).decode()}


def _blob(parameters: Mapping[str, str]) -> bytes:
    try:
        return base64.b64decode(parameters["wrapped"], validate=True)
    except (KeyError, binascii.Error, ValueError):
        raise KeyUnavailable("SEC-002", hint="the vault's key parameters are not valid") from None


def _key_of(answer: Mapping[str, Any]) -> SecretKey:
    plaintext = answer.get("Plaintext")
    if not isinstance(plaintext, bytes) or len(plaintext) != KEY_SIZE:
        plaintext = answer = None  # type: ignore[assignment]  # a traceback shows this frame
        raise KeyUnavailable("SEC-002", hint="the key service gave no key of 256 bits")
    return SecretKey.taken(plaintext)
