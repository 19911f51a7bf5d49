"""A transit engine over HTTP, as documented for HashiCorp Vault: data keys, encrypt, decrypt, rewrap, rotate, delete.

Keys are AES-256-GCM by this project's one module that calls the cipher; with derivation the context makes the key.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.envelope import decrypt, encrypt
from iomt_interop.errors import DecryptionFailed

__all__ = ["TOKEN", "Transit", "transit_server"]

TOKEN = "hvs.SENTINEL-TOKEN"


class Refused(Exception):
    """A status and the texts that the engine sends with it."""

    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.told = status, list(errors)


@dataclass
class TransitKey:
    """A named key: its versions, the last one encrypts."""

    derived: bool
    versions: list[SecretKey] = field(default_factory=lambda: [SecretKey.generate()])
    lowest: int = 1

    def of(self, version: int, context: bytes | None) -> SecretKey:
        if not self.lowest <= version <= len(self.versions):
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        if self.derived and not context:
            raise Refused(400, "missing 'context' for key derivation")
        return self.versions[version - 1].derive(context or b"") if self.derived else self.versions[version - 1]


@dataclass
class Transit:
    """The engine's state, and what a test may break in it."""

    url: str = ""
    keys: dict[str, TransitKey] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    faults: list[tuple[int, bytes]] = field(default_factory=list)
    """Status and body of the next answers."""
    delay: float = 0
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    namespaces: set[str | None] = field(default_factory=set)

    def answer(self, path: str, body: dict[str, str]) -> dict[str, str]:
        """Return the data of one request."""
        mount, operation, *rest = path.removeprefix("/v1/").split("/")
        self.calls.append((path, body))
        if mount != "transit":
            raise Refused(404, "no handler for route")
        key = self.keys.get(rest[-1])
        if key is None:
            raise Refused(400, "encryption key not found")
        context = base64.b64decode(body["context"]) if body.get("context") else None
        if operation == "datakey":
            plaintext = os.urandom(int(body.get("bits", 256)) // 8)
            data = {"ciphertext": self._seal(key, context, plaintext)}
            return {**data, "plaintext": base64.b64encode(plaintext).decode()} if rest[0] == "plaintext" else data
        if operation == "encrypt":
            return {"ciphertext": self._seal(key, context, base64.b64decode(body["plaintext"]))}
        plaintext = self._open(key, context, body["ciphertext"])
        if operation == "rewrap":
            return {"ciphertext": self._seal(key, context, plaintext)}
        assert operation == "decrypt"
        return {"plaintext": base64.b64encode(plaintext).decode()}

    def _seal(self, key: TransitKey, context: bytes | None, plaintext: bytes) -> str:
        version, nonce = len(key.versions), os.urandom(12)
        sealed = nonce + encrypt(key.of(version, context), nonce, plaintext, b"")
        return f"vault:v{version}:{base64.b64encode(sealed).decode()}"

    def _open(self, key: TransitKey, context: bytes | None, text: str) -> bytes:
        prefix, version, sealed = text.split(":", 2) if text.count(":") == 2 else ("", "v0", "")
        if prefix != "vault":
            raise Refused(400, "invalid ciphertext: no prefix")
        raw = base64.b64decode(sealed)
        try:
            return decrypt(key.of(int(version[1:]), context), raw[:12], raw[12:], b"")
        except DecryptionFailed:
            raise Refused(400, "cipher: message authentication failed") from None


class _Handler(BaseHTTPRequestHandler):
    transit: Transit

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"] or 0))
        time.sleep(self.transit.delay)
        self.transit.namespaces.add(self.headers.get("X-Vault-Namespace"))
        if self.transit.faults:
            self._send(*self.transit.faults.pop(0))
            return
        try:
            if self.headers.get("X-Vault-Token") not in self.transit.tokens:
                raise Refused(403, "permission denied")
            body: dict[str, Any] = {"data": self.transit.answer(self.path, json.loads(raw))}
            self._send(200, json.dumps(body).encode())
        except Refused as refused:
            self._send(refused.status, json.dumps({"errors": refused.told}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def transit_server(**keys: bool) -> Iterator[Transit]:
    """Run an engine with keys of these names, derived or not, on a port of this machine."""
    transit = Transit(keys={name: TransitKey(derived) for name, derived in keys.items()})
    handler = type("Handler", (_Handler,), {"transit": transit})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        transit.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield transit
        finally:
            server.shutdown()
            thread.join()
