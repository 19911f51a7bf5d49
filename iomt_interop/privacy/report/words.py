"""Plain words for kinds of records and purposes of use."""

from __future__ import annotations

from typing import Final

__all__ = ["KINDS", "PURPOSES"]

KINDS: Final[dict[str, str]] = {
    "subject": "who you are",
    "observation": "measurements and observations",
    "waveform": "signals (curves)",
    "alert": "alarms",
    "device": "descriptions of devices",
    "association": "which device was attached to you",
    "metric": "what devices can measure",
    "clock_sync": "comparisons of clocks",
    "encounter": "stays and visits",
    "order": "orders and reports",
    "message": "messages that carried the data",
    "setting": "settings of devices",
    "event": "events",
    "session": "sessions (sleep, exercise)",
    "study": "imaging studies",
    "document": "documents",
    "activity": "what was done to the data",
    "request": "requests",
    "specimen": "samples that were taken",
    "related_person": "people who are close to you",
    "coverage": "your insurance",
    "condition": "diagnoses and problems",
    "allergy": "allergies",
    "procedure": "procedures",
    "immunization": "vaccinations",
    "appointment": "appointments",
    "prescription": "prescriptions",
    "account": "your accounts",
    "care_team": "people who care for you together",
    "residue": "data that nobody understood, kept as they came",
    "issue": "notes about problems in the data",
}
"""Kinds of records; another kind is shown by its own name."""

PURPOSES: Final[dict[str, str]] = {
    "TREAT": "your treatment",
    "ETREAT": "emergency treatment",
    "BTG": "an emergency, past the usual rules",
    "CAREMGT": "planning your care",
    "COC": "coordinating your care",
    "HPAYMT": "payment",
    "HOPERAT": "running the organisation",
    "PATRQT": "your own request",
    "FAMRQT": "a request of your family",
    "HRESCH": "research",
    "CLINTRCH": "clinical research",
    "PUBHLTH": "public health",
    "HQUALIMP": "quality of care",
    "HSYSADMIN": "running the computer systems",
    "HLEGAL": "a legal matter",
    "HMARKT": "marketing",
    "TRAIN": "training",
}
"""Codes of HL7 v3 PurposeOfUse; another code is shown as it is."""
