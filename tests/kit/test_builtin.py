"""Every built-in adapter keeps every law that its manifest calls for."""

from __future__ import annotations

from iomt_interop.plugins import default_registry
from iomt_interop.testing import adapter_suite

FIXTURES = "../../fixtures"

TestExample = adapter_suite("example", corpus=f"{FIXTURES}/example")
TestFhirR4 = adapter_suite("fhir_r4", corpus=f"{FIXTURES}/fhir_r4")
TestHl7v2Oru = adapter_suite("hl7v2_oru", corpus=f"{FIXTURES}/hl7v2_oru")
TestHl7v2Pcd01 = adapter_suite("hl7v2_pcd01", corpus=f"{FIXTURES}/hl7v2_pcd01")
TestHl7v2Pcd04 = adapter_suite("hl7v2_pcd04", corpus=f"{FIXTURES}/hl7v2_pcd04")
TestIeee11073Phd = adapter_suite("ieee11073_phd", corpus=f"{FIXTURES}/ieee11073_phd")


def test_no_built_in_adapter_is_left_out() -> None:
    own = {a.id for a in default_registry().usable() if a.distribution == "iomt_interop"}
    assert own == {"example", "fhir_r4", "hl7v2_oru", "hl7v2_pcd01", "hl7v2_pcd04", "ieee11073_phd"}
