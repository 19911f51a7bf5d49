"""Rules of IHE PCD-01 and PCD-04: a message that keeps them all, and one change for each rule that breaks it."""

from __future__ import annotations

import pytest

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.validation import validate

EUI = "0011223344556677"
PCD01 = f"""MSH|^~\\&|GW^{EUI}^EUI-64|ICU|||20261124105800+0000||ORU^R01^ORU_R01|7|P|2.6|||AL|NE|||||\
IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
PID|||17^^^HOSP^PI||Doe^Jane^^^^^L
PV1||I
OBR|1|1^GW^{EUI}^EUI-64|1^GW^{EUI}^EUI-64|182777000^monitoring of patient^SCT|||20261124105800+0000
OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||{EUI}^^{EUI}^EUI-64
OBX|2||70686^MDC_DEV_PRESS_BLD_NONINV_VMD^MDC|1.1.0.0|||||||X
OBX|3||70687^MDC_DEV_PRESS_BLD_NONINV_CHAN^MDC|1.1.1.0|||||||X
OBX|4|NM|150021^MDC_PRESS_BLD_NONINV_SYS^MDC|1.1.1.1|120|266016^MDC_DIM_MMHG^MDC^mm[Hg]^mm[Hg]^UCUM|||||R
OBX|5|NM|8867-4^Heart rate^LN^149546^MDC_PULS_RATE_NON_INV^MDC|1.1.1.2|63|{{beat}}/min^^UCUM|||||R
OBX|6|ST|150021^MDC_PRESS_BLD_NONINV_SYS^MDC|1.1.1.3|off||||||R"""

PCD04 = f"""MSH|^~\\&|GW^{EUI}^EUI-64|ICU|||20261124105800+0000||ORU^R40^ORU_R40|8|P|2.6|||AL|NE|||||\
IHE_PCD_004^IHE PCD^1.3.6.1.4.1.19376.1.6.1.4.1^ISO
PID|||17^^^HOSP^PI||Doe^Jane^^^^^L
PV1||I
OBR|1|1^GW^{EUI}^EUI-64|1^GW^{EUI}^EUI-64|196616^MDC_EVT_ALARM^MDC|||20261124105800+0000
OBX|1|CWE|196674^MDC_EVT_LO^MDC|1.1.1.1.1|150021^MDC_PRESS_BLD_NONINV_SYS^MDC||||||R
OBX|2|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.1.1.1.2|70686^MDC_DEV_PRESS_BLD_NONINV_VMD^MDC||||||R
OBX|3|ST|68481^MDC_ATTR_EVENT_PHASE^MDC|1.1.1.1.3|start||||||R
OBX|4|ST|68482^MDC_ATTR_ALARM_STATE^MDC|1.1.1.1.4|active||||||R
OBX|5|ST|68483^MDC_ATTR_ALARM_INACTIVATION_STATE^MDC|1.1.1.1.5|audio-off~alert-acknowledged||||||R
OBX|6|ST|68484^MDC_ATTR_ALARM_PRIORITY^MDC|1.1.1.1.6|PM||||||R
OBX|7|ST|68485^MDC_ATTR_ALERT_TYPE^MDC|1.1.1.1.7|SP||||||R"""


def check(text: str, rules: str) -> list[tuple[str, str | None]]:
    found = validate(hl7v2.parse(text.replace("\n", "\r") + "\r"), rules=(rules,))
    return [(each.code, each.path) for each in found if each.rule.startswith("IHE")]


@pytest.mark.parametrize(("text", "rules"), [(PCD01, "pcd01"), (PCD04, "pcd04")])
def test_a_message_that_keeps_the_rules(text: str, rules: str) -> None:
    assert [each for each in check(text, rules) if each[0] != "HL7-335"] == []
    found = validate(hl7v2.parse(text.replace("\n", "\r") + "\r"), rules=(rules,))
    assert not [each for each in found if each.severity.value == "error"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("|IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO", "", [("HL7-331", "MSH(1)-21")]),
        ("1.3.6.1.4.1.19376.1.6.1.1.1", "1.3.6.1.4.1.19376.1.6.1.4.1", []),  # the name is enough
        ("|IHE_PCD_001^", "|OTHER^", []),  # so is the identifier
        ("ORU_R01", "ORU_R30", [("HL7-332", "MSH(1)-9")]),
        ("|AL|NE|", "|||", [("HL7-342", "MSH(1)-15"), ("HL7-342", "MSH(1)-16")]),
        ("17^^^HOSP^PI", "17^^^^PI", [("HL7-333", "PID(1)-3[1].4")]),
        ("17^^^HOSP^PI", "", [("HL7-333", "PID(1)-3")]),
        (f"|1^GW^{EUI}^EUI-64|182777000", "||182777000", [("HL7-311", "OBR(1)-3")]),
        ("|1.1.1.1|", "|1.1.1|", [("HL7-334", "OBX(4)-4")]),
        ("|1.1.1.1|", "|left|", [("HL7-334", "OBX(4)-4")]),
        ("|1.1.1.1|", "||", [("HL7-334", "OBX(4)-4")]),
        ("|1.1.1.1|", "|1.1.2.1|", [("HL7-335", "OBX(4)-4")]),
        ("|1.1.0.0|", "|1.2.0.0|", [("HL7-335", "OBX(3)-4")]),
        ("|1.1.1.2|", "|1.1.1.1|", [("HL7-336", "OBX(5)-4")]),
        ("150021^MDC_PRESS_BLD_NONINV_SYS^MDC|1.1.1.1", "8480-6^Systolic^LN|1.1.1.1", [("HL7-337", "OBX(4)-3")]),
        ("150021^MDC_PRESS_BLD_NONINV_SYS^MDC|1.1.1.1", "150021^^MDC|1.1.1.1", [("HL7-337", "OBX(4)-3")]),
        ("266016^MDC_DIM_MMHG^MDC^mm[Hg]^mm[Hg]^UCUM", "mmHg", [("HL7-338", "OBX(4)-6")]),
        ("266016^MDC_DIM_MMHG^MDC^mm[Hg]^mm[Hg]^UCUM", "", [("HL7-338", "OBX(4)-6")]),
        ("{beat}/min^^UCUM", "beats per minute^^UCUM", [("HL7-338", "OBX(5)-6")]),
        ("UCUM|||||R", "UCUM|||||Q", [("HL7-339", "OBX(4)-11"), ("HL7-339", "OBX(5)-11")]),
        ("UCUM|||||R", "UCUM|||||X", [("HL7-339", "OBX(4)-11"), ("HL7-339", "OBX(5)-11")]),
        (f"|||||||{EUI}^^{EUI}^EUI-64", "|||||||12^^12^EUI-64", [("HL7-340", "OBX(1)-18[1]")]),
        ("|||20261124105800+0000\nOBX", "\nOBX", [("HL7-341", f"OBX({n})-14") for n in (4, 5, 6)]),
    ],
)  # fmt: skip
def test_rules_of_pcd01(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert old in PCD01
    assert check(PCD01.replace(old, new), "pcd01") == expected


def test_a_device_without_any_eui_64() -> None:
    text = PCD01.replace(f"GW^{EUI}^EUI-64|ICU", "GW|ICU").replace(f"|||||||{EUI}^^{EUI}^EUI-64", "")
    assert check(text, "pcd01") == [("HL7-340", "OBX(1)-18")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ORU^R40^ORU_R40", "ORU^R01^ORU_R01", [("HL7-332", "MSH(1)-9")]),
        ("MDC_ATTR_EVENT_PHASE", "MDC_ATTR_OTHER", [("HL7-343", "OBR(1)-4")]),
        ("MDC_ATTR_ALARM_STATE", "MDC_ATTR_OTHER", [("HL7-343", "OBR(1)-4")]),
        ("MDC_ATTR_ALARM_STATE", "MDC_ATTR_ALERT_STATE", []),
        ("MDC_ATTR_ALERT_SOURCE", "MDC_ATTR_OTHER", [("HL7-343", "OBR(1)-4")]),
        ("|1.1.1.1.3|", "|3|", [("HL7-334", "OBX(3)-4")]),
        ("|start|", "|begun|", [("HL7-344", "OBX(3)-5")]),
        ("|start|", "|START|", [("HL7-344", "OBX(3)-5")]),
        ("|start|", "|start~end|", [("HL7-344", "OBX(3)-5[2]")]),
        ("|start|", "|tpoint|", []),
        ("|active|", "|on|", [("HL7-344", "OBX(4)-5")]),
        ("|active|", "|latched|", []),
        ("|audio-off~alert", "|enabled~alert", []),
        ("|audio-off~alert", "|silent~alert", [("HL7-344", "OBX(5)-5[1]")]),
        ("|PM|", "|20|", [("HL7-344", "OBX(6)-5")]),
        ("|PM|", "|PN|", []),
        ("|SP|", "|PM|", [("HL7-344", "OBX(7)-5")]),
        ("MDC_ATTR_ALERT_TYPE^MDC|1.1.1.1.7|SP", "MDC_ATTR_ALARM_TYPE^MDC|1.1.1.1.7|SX", [("HL7-344", "OBX(7)-5")]),
        # The second facet is the measurement itself where a limit of it was passed (IHE PCD TF-2 3.4).
        (
            "CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.1.1.1.2|70686^MDC_DEV_PRESS_BLD_NONINV_VMD^MDC|",
            "NM|150021^MDC_PRESS_BLD_NONINV_SYS^MDC|1.1.1.1.2|85|266016^MDC_DIM_MMHG^MDC",
            [],
        ),
        (
            "CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.1.1.1.2|70686^MDC_DEV_PRESS_BLD_NONINV_VMD^MDC|",
            "NM|150021^MDC_PRESS_BLD_NONINV_SYS^MDC|1.1.1.2|85|266016^MDC_DIM_MMHG^MDC",
            [("HL7-343", "OBR(1)-4")],
        ),
    ],
)
def test_rules_of_pcd04(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert old in PCD04
    assert check(PCD04.replace(old, new), "pcd04") == expected
