"""The store with the guard in front of it: every operation asks, is written down, and shows no more than it may."""

from __future__ import annotations

from .consents import CONSENTS, VaultConsents
from .keeping import DuePerson, GuardedKeeping, due_persons
from .policies import PolicySet
from .store import GuardedVault, consents_of, create_bound, forget_terms, open_either, person_of, verify_copy
from .terms import Terms

__all__ = [
    "CONSENTS",
    "DuePerson",
    "GuardedKeeping",
    "GuardedVault",
    "PolicySet",
    "Terms",
    "VaultConsents",
    "consents_of",
    "create_bound",
    "due_persons",
    "forget_terms",
    "open_either",
    "person_of",
    "verify_copy",
]
