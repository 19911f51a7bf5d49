"""Ed25519 by Project Wycheproof's vectors, through the keys that sign the audit trail."""

from __future__ import annotations

import json
from pathlib import Path

from iomt_interop.crypto.signing import VerifyKey


def test_ed25519_vectors(corpus: Path) -> None:
    document = json.loads((corpus / "privacy" / "wycheproof" / "ed25519_test.json").read_text())
    seen = {"valid": 0, "invalid": 0}
    wrong = []
    for group in document["testGroups"]:
        key = VerifyKey("wycheproof", bytes.fromhex(group["publicKey"]["pk"]))
        for test in group["tests"]:
            good = key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            seen[test["result"]] += 1
            if good != (test["result"] == "valid"):
                wrong.append(test["tcId"])
    assert wrong == []
    assert min(seen.values()) >= 50
