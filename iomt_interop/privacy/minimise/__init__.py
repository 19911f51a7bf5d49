"""As little as the purpose needs: projections by field, pseudonyms per recipient, Safe Harbor, figures of an export."""

from __future__ import annotations

from .figures import Figures, figures, quasi_identifiers
from .policy import BUILT_IN, MinimisationPolicy, built_in, policy_for
from .project import Minimised, minimise
from .pseudonym import Pseudonyms

__all__ = [
    "BUILT_IN",
    "Figures",
    "MinimisationPolicy",
    "Minimised",
    "Pseudonyms",
    "built_in",
    "figures",
    "minimise",
    "policy_for",
    "quasi_identifiers",
]
