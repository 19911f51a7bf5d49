"""Patients' consents: FHIR R4 Consent in and out, and what they say to whoever asks (IHE ITI PCF)."""

from __future__ import annotations

from .evaluate import ImplicitPolicy, Ruling, Rulings, Verdict, prepare
from .fhir import MAX_CONSENT, consent_from_fhir, consent_to_fhir
from .model import Consent, ConsentActor, ConsentData, Provision
from .store import ConsentRegistry, ConsentStore

__all__ = [
    "MAX_CONSENT",
    "Consent",
    "ConsentActor",
    "ConsentData",
    "ConsentRegistry",
    "ConsentStore",
    "ImplicitPolicy",
    "Provision",
    "Ruling",
    "Rulings",
    "Verdict",
    "consent_from_fhir",
    "consent_to_fhir",
    "prepare",
]
