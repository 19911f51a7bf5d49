"""Canonical records to HL7 v2 device messages: IHE PCD-01, PCD-04, and ORU^R01 in general."""
