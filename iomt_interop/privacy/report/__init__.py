"""The report for the patient: what is stored, from where, who saw it, and what to do, as one page to read or print."""

from __future__ import annotations

from .gather import ConsentLine, PatientReport, Series, Stored, consent_line, gather
from .page import render

__all__ = ["ConsentLine", "PatientReport", "Series", "Stored", "consent_line", "gather", "render"]
