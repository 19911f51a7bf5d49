"""A policy file that uses everything such a file can say."""

from __future__ import annotations

__all__ = ["POLICY"]

POLICY = b"""
version = 1
id = "hospital-2026"
issued = 2026-01-01

[controller]
area = ["DE", "FR"]
authority = "State commissioner, Example Street 1"
[controller.contact]
name = "Example Hospital"
address = "Hospital Road 1, Exampletown"
[controller.dpo]
name = "Data Protection Officer"
email = "dpo@hospital.example"

[[recipients]]
id = "registry"
name = "Heart Registry"
role = "processor"
country = "DE"

[[recipients]]
id = "cloud"
name = "Cloud Ltd."
role = "business-associate"
country = "US"

[[recipients]]
id = "clinic"
name = "Other Clinic"
role = "provider"
country = "FR"
exempt = "treatment by another provider, 164.502(e)(1)(ii)(A)"
exempt_purposes = ["TREAT"]

[[recipients]]
id = "lost"
name = "Lost & Sons"
role = "processor"
country = "DE"
blocked = true

[[agreements]]
id = "dpa-1"
recipient = "registry"
kind = "processing"
valid_from = 2026-02-01
valid_until = 2026-12-31
purposes = ["HRESCH"]
kinds = ["observation"]

[[agreements]]
id = "dpa-lost"
recipient = "lost"
kind = "processing"
valid_from = 2020-01-01
purposes = ["HRESCH"]

[[agreements]]
id = "baa-1"
recipient = "cloud"
kind = "baa"
valid_from = 2025-01-01
terminated = 2026-06-01
purposes = ["HRESCH"]

[[agreements]]
id = "scc-1"
recipient = "cloud"
kind = "transfer"
valid_from = 2026-03-01
purposes = ["HRESCH"]

[[purposes]]
code = "TREAT"
description = "Care of inpatients"
basis = "Article 6(1)(c), 9(2)(h)"
kinds = ["subject", "observation", "waveform"]
recipients = ["clinic"]

[[purposes]]
code = "HRESCH"
description = "Research on heart failure"
basis = "Article 6(1)(a), 9(2)(a)"
kinds = ["observation", "waveform"]
recipients = ["registry", "cloud", "lost"]

[[retention]]
kinds = ["observation", "waveform"]
years = 10
basis = "medical record"

[[retention]]
kinds = ["waveform"]
days = 90
basis = "raw signal"

[[holds]]
id = "case-7"
subjects = ["00000000000000000000000000000001"]
reason = "litigation"
since = 2036-01-01
until = 2037-01-01
"""
