"""Message structures that the tables lack, put together from those that they have.

Point-of-care results (ORU^R31, ORU^R32) have the structure of ORU^R30 and waveforms (ORU^W01) that of ORU^R01 (HL7
v2.5 ch. 7.3). Alerts (ORU^R40 of IHE PCD-04) and device events (ORU^R42 of PCD-10) have that of ORU^R01 with PRT
segments (IHE PCD TF vol. 2), which entered the standard with 2.7; the answer of an alert (ORA^R41 of PCD-05) is the
one of HL7 v2.8 ch. 7.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["COMPOSED", "composed"]

COMPOSED: Final[dict[str, str]] = {
    "ORU_R31": "ORU_R30",
    "ORU_R32": "ORU_R30",
    "ORU_W01": "ORU_R01",
    "ORU_R40": "ORU_R01",
    "ORU_R42": "ORU_R01",
}
"""Structure to the one that it is like."""

_ANSWER: Final = "MSH! SFT* UAC? MSA! ERR* PRT*"
_WITH_PARTICIPANTS: Final = (
    ("OBR! NTE*", "OBR! NTE* PRT*"),
    ("<OBSERVATION OBX! NTE*>", "<OBSERVATION OBX! PRT* NTE*>"),
)


def composed(name: str, texts: Mapping[str, str]) -> str | None:
    """Return the grammar's text of a structure that the tables lack, by the tables of one version."""
    if name == "ORA_R41":
        return _ANSWER
    text = texts.get(COMPOSED.get(name, ""))
    if text is not None and name in ("ORU_R40", "ORU_R42") and "PRT" not in text:
        for plain, extended in _WITH_PARTICIPANTS:
            text = text.replace(plain, extended)
    return text
