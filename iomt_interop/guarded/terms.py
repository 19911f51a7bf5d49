"""What a vault is bound to: the digests of its policies, the key of its audit log, and where both are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from ..errors import AccessDenied, StoreDamaged
from .policies import PolicySet

__all__ = ["Terms"]

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which policies a vault opens, and which audit log takes its events.

    Attributes
    ----------
    policies : tuple of str
        Digests of the policy files.
    verifier : str
        The public key of the audit log.
    places : mapping of str to str
        Where the files were when the vault was bound: each policy by its digest, the log under ``audit``.
    """

    policies: tuple[str, ...]
    verifier: str
    places: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> bytes:
        """Return the text that is stored."""
        told = {
            "version": _VERSION, "policies": self.policies, "verifier": self.verifier, "places": dict(self.places),
        }  # fmt: skip
        return json.dumps(told, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        StoreDamaged
            ``SEC-005`` when another version wrote it.
        """
        try:
            told = json.loads(data)
            if told["version"] != _VERSION:
                raise ValueError
            return cls(tuple(told["policies"]), told["verifier"], told["places"])
        except (KeyError, TypeError, ValueError, RecursionError):
            raise StoreDamaged("SEC-005", hint="its terms are of another version") from None

    def check(self, policies: PolicySet, verifier: str | None) -> None:
        """Compare with what is at hand.

        Raises
        ------
        AccessDenied
            ``PRV-205`` when the policies or the log are other ones.
        """
        if policies.digests != self.policies:
            raise AccessDenied("PRV-205", hint="these are not the policy files that it is bound to")
        if verifier != self.verifier:
            raise AccessDenied("PRV-205", hint="this is not the audit log that it is bound to")
