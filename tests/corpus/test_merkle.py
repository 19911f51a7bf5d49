"""Merkle proofs by the vectors of transparency-dev/merkle: every good one holds, every bad one does not."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

from iomt_interop.privacy.audit import merkle


def hold(folder: str, case: dict[str, Any]) -> bool:
    """Check one proof."""
    proof = [base64.b64decode(text) for text in case["proof"] or ()]
    decoded = {
        name: base64.b64decode(case[name] or "") for name in ("root", "root1", "root2", "leafHash") if name in case
    }
    if folder == "inclusion":
        return merkle.verify_inclusion(case["leafIdx"], case["treeSize"], decoded["leafHash"], proof, decoded["root"])
    if folder == "subtreeinclusion":
        return merkle.verify_subtree_inclusion(
            case["leafIdx"], case["start"], case["end"], decoded["leafHash"], proof, decoded["root"]
        )
    roots = (decoded["root1"], decoded["root2"])
    if folder == "consistency":
        return merkle.verify_consistency(case["size1"], case["size2"], *roots, proof)
    return merkle.verify_subtree_consistency(case["start"], case["end"], case["size"], *roots, proof)


def test_merkle_vectors(corpus: Path) -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    wrong = []
    base = corpus / "privacy" / "merkle-rfc6962" / "testdata"
    for path in sorted(base.rglob("*.json")):
        case = json.loads(path.read_text())
        folder = path.relative_to(base).parts[0]
        seen[folder, case["wantErr"]] += 1
        if hold(folder, case) == case["wantErr"]:
            wrong.append(str(path.relative_to(base)))
    assert wrong == []
    assert sum(seen.values()) >= 500
    assert min(seen[folder, want] for folder in ("inclusion", "consistency") for want in (True, False)) >= 6
