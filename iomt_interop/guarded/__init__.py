"""The store with the guard in front of it: every operation asks, is written down, and shows no more than it may."""

from __future__ import annotations

from .consents import CONSENTS, VaultConsents
from .keeping import DuePerson, GuardedKeeping, due_persons
from .policies import PolicySet
from .store import GuardedVault
from .terms import Terms

__all__ = [
    "CONSENTS",
    "DuePerson",
    "GuardedKeeping",
    "GuardedVault",
    "PolicySet",
    "Terms",
    "VaultConsents",
    "due_persons",
]
