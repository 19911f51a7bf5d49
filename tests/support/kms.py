"""A key service that behaves as AWS KMS does where it is documented, and destroys keys at once."""

from __future__ import annotations

import json
import os
from typing import Any

from botocore.exceptions import ClientError

from iomt_interop.crypto import SecretKey, unwrap_key, wrap_key
from iomt_interop.errors import DecryptionFailed

__all__ = ["FakeKms", "refusal"]


def refusal(code: str, operation: str = "Decrypt", status: int = 400) -> ClientError:
    """Return what boto3 raises for an error of KMS; its text holds what must not be told further."""
    told = {"Error": {"Code": code, "Message": "SENTINEL-4711"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, operation)  # type: ignore[arg-type]


class FakeKms:
    """Has the calls of boto3's client that a provider makes.

    Attributes
    ----------
    faults : list of Exception
        Raised by the next calls, one each.
    calls : list of (str, dict)
        Operations and their arguments.
    """

    def __init__(self, *names: str) -> None:
        self._keys = {name: SecretKey.generate() for name in names}
        self.disabled: set[str] = set()
        self.faults: list[Exception] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def destroy(self, name: str) -> None:
        """Destroy a key at once."""
        self._keys.pop(name).wipe()

    def generate_data_key_without_plaintext(self, **given: Any) -> dict[str, Any]:
        self._begin("GenerateDataKeyWithoutPlaintext", given)
        assert given["KeySpec"] == "AES_256"
        return self._wrap(given["KeyId"], os.urandom(32), given["EncryptionContext"])

    def decrypt(self, **given: Any) -> dict[str, Any]:
        self._begin("Decrypt", given)
        name, plaintext = self._open(given["CiphertextBlob"], given["EncryptionContext"])
        if given["KeyId"] != name:
            self._usable(given["KeyId"])
            raise refusal("IncorrectKeyException")
        return {"KeyId": name, "Plaintext": plaintext}

    def re_encrypt(self, **given: Any) -> dict[str, Any]:
        self._begin("ReEncrypt", given)
        _, plaintext = self._open(given["CiphertextBlob"], given["SourceEncryptionContext"])
        return self._wrap(given["DestinationKeyId"], plaintext, given["DestinationEncryptionContext"])

    def _begin(self, operation: str, given: dict[str, Any]) -> None:
        self.calls.append((operation, given))
        if self.faults:
            raise self.faults.pop(0)

    def _usable(self, name: str) -> SecretKey:
        if name in self.disabled:
            raise refusal("DisabledException")
        if name not in self._keys:
            raise refusal("NotFoundException")
        return self._keys[name]

    def _wrap(self, name: str, plaintext: bytes, context: dict[str, str]) -> dict[str, Any]:
        wrapped = wrap_key(self._usable(name), SecretKey(plaintext), json.dumps(context, sort_keys=True).encode())
        return {"KeyId": name, "CiphertextBlob": name.encode() + b"\0" + wrapped}

    def _open(self, blob: bytes, context: dict[str, str]) -> tuple[str, bytes]:
        name, _, wrapped = blob.partition(b"\0")
        try:
            key = unwrap_key(
                self._usable(name.decode("latin-1")), wrapped, json.dumps(context, sort_keys=True).encode()
            )
        except DecryptionFailed:
            raise refusal("InvalidCiphertextException") from None
        return name.decode("latin-1"), bytes(key.value)
