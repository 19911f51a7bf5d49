"""Every shared APDU: decoded to the tree that another decoder made, and re-encoded to the same octets."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from iomt_interop.errors import InputError
from iomt_interop.terminology import mdc
from iomt_interop.wire import mder, phd
from iomt_interop.wire.phd import Attr

Tree = dict[str, Any]


# Unit codes that the nomenclature gave out twice; the vectors name the other meaning.
SECOND_MEANINGS = {"MDC_DIM_X_G_PER_LB_PER_MIN": "MDC_DIM_X_CAL"}


def name(code: int, partition: int = 1) -> str:
    """Name a code as the vectors do: the RefId, else partition::code."""
    refid = mdc.refid_of(partition << 16 | code) or f"{partition}::{code}"
    return SECOND_MEANINGS.get(refid, refid)


def attribute_name(attribute: int) -> str:
    """Name an attribute; 2455-like private ids have no name in the vectors."""
    return f"MDC_ATTR_{Attr(attribute).name}" if attribute in set(Attr) else name(attribute)


def pairs(value: tuple[tuple[int, int], ...]) -> list[list[Any]]:
    return [[attribute_name(a), n] for a, n in value]


def attribute_tree(attribute: phd.Attribute) -> list[Any]:
    value: Any = attribute.value
    number = attribute.id
    hexadecimal = {
        Attr.METRIC_SPEC_SMALL, Attr.METRIC_STRUCT_SMALL, Attr.DEV_CONFIG_ID, Attr.SOURCE_HANDLE_REF, Attr.OP_STAT,
        Attr.CONFIRM_MODE,
    }  # fmt: skip
    if number == Attr.ID_TYPE:
        value = name(value & 0xFFFF, value >> 16)
    elif number == Attr.UNIT_CODE:
        value = name(value, 4)
    elif number == Attr.ATTRIBUTE_VAL_MAP:
        value = pairs(value)
    elif number == Attr.SCAN_HANDLE_ATTR_VAL_MAP:
        value = [{"handle": handle, "map": pairs(layout)} for handle, layout in value]
    elif number == Attr.SYS_TYPE_SPEC_LIST:
        value = [[name(entry.type, 8), entry.version] for entry in value]
    elif number == Attr.SUPPLEMENTAL_TYPES:
        value = [name(code & 0xFFFF, code >> 16) for code in value]
    elif number == Attr.ID_MODEL:
        value = [part.decode() for part in value]
    elif number == Attr.ID_PROD_SPECN:
        value = [[entry.type, entry.component, entry.text.decode()] for entry in value]
    elif number == Attr.ID_PHYSIO_LIST:
        value = list(value)
    elif number == Attr.ID_LABEL_STRING:
        value = value.decode()
    elif number == Attr.SYS_ID:
        value = value.hex()
    elif number in hexadecimal:
        value = hex(value)
    elif isinstance(value, mder.AbsoluteTime):
        value = value.text
    elif isinstance(value, mder.MderFloat):
        value = str(value.to_decimal())
    elif isinstance(value, int):
        value = attribute.raw.hex() if number == Attr.SCAN_REP_PD_MIN else value
    return [attribute_name(number), value]


def association_tree(a: phd.Association) -> Tree:
    return {
        "data_proto_id": 20601, "protocol_version": hex(a.protocol_version), "encoding_rules": hex(a.encoding_rules),
        "nomenclature_version": hex(a.nomenclature_version), "functional_units": hex(a.functional_units),
        "system_type": hex(a.system_type), "system_id": a.system_id.hex(), "dev_config_id": hex(a.config_id),
        "data_req_mode_flags": hex(a.request_mode), "init_agent": a.agent_requests, "init_mgr": a.manager_requests,
        "option_list": [attribute_tree(o) for o in a.options],
    }  # fmt: skip


LAYOUTS = {
    "if_basic_nu+abs": ((Attr.NU_VAL_OBS_BASIC, 2), (Attr.TIME_STAMP_ABS, 8)),
    "if_simple_nu+abs": ((Attr.NU_VAL_OBS_SIMP, 4), (Attr.TIME_STAMP_ABS, 8)),
    "if_cmpd_basic3+abs": ((Attr.NU_CMPD_VAL_OBS_BASIC, 10), (Attr.TIME_STAMP_ABS, 8)),
}


def scan_tree(scan: phd.ObservationScan) -> Tree:
    if scan.attributes is not None:
        return {"handle": scan.handle, "attributes": [attribute_tree(a) for a in scan.attributes]}
    raw = scan.octets or b""
    tree: Tree = {"handle": scan.handle, "hex": raw.hex()}
    for key, layout in LAYOUTS.items():
        if sum(n for _, n in layout) == len(raw):
            first, second = (
                phd.Attribute(a, raw[at : at + n]) for (a, n), at in zip(layout, (0, layout[0][1]), strict=True)
            )
            value: Any = first.value
            found = [str(v.to_decimal()) for v in value] if key.startswith("if_cmpd") else str(value.to_decimal())
            assert isinstance(second.value, mder.AbsoluteTime)
            tree[key] = [found, second.value.text]
    return tree


def info_tree(info: phd.Info) -> Any:
    if isinstance(info, phd.ConfigReport):
        objects = [
            {"class": name(o.object_class), "handle": o.handle, "attributes": [attribute_tree(a) for a in o.attributes]}
            for o in info.objects
        ]
        return {"config_report_id": hex(info.config_id), "objects": objects}
    if isinstance(info, phd.ScanReport):
        tree: Tree = {"data_req_id": hex(info.request_id), "scan_report_no": info.number}
        if info.multi_person:
            tree["persons"] = [{"person": p.person, "obs": [scan_tree(s) for s in p.scans]} for p in info.persons]
        elif info.form == "grouped":
            tree["grouped"] = [scan.octets.hex() for scan in info.persons[0].scans]
        else:
            tree["obs"] = [scan_tree(scan) for scan in info.persons[0].scans]
        return tree
    return (info if isinstance(info, bytes) else info.encode()).hex()


def body_tree(body: phd.EventReport | phd.ActionCall | phd.Get | phd.GetReply) -> Tree:
    if isinstance(body, phd.EventReport):
        return {
            "handle": body.handle,
            "time": hex(body.time),
            "event_type": name(body.event),
            "info": info_tree(body.info),
        }
    if isinstance(body, phd.Get):
        return {"handle": body.handle, "ids": list(body.ids)}
    if isinstance(body, phd.GetReply):
        return {"handle": body.handle, "attributes": [attribute_tree(a) for a in body.attributes]}
    info, tree = body.info, {"handle": body.handle, "action": name(body.action)}
    if isinstance(info, phd.DataRequest):
        request = {"id": info.request_id, "mode": hex(info.mode), "time": info.time, "person": info.person}
        return tree | {"request": request | {"class": info.object_class, "handles_count": len(info.handles)}}
    assert isinstance(info, phd.DataResponse)
    response = {
        "rel_time": info.time,
        "result": info.result,
        "event_type": name(info.event),
        "info": info_tree(info.info),
    }
    return tree | {"response": response}


def tree_of(apdu: phd.Apdu, raw: bytes) -> Tree:
    """Return the tree in the vectors' own words."""
    tree: Tree = {"choice": hex(int.from_bytes(raw[:2], "big")), "length": len(raw) - 4}
    if isinstance(apdu, phd.Aarq):
        protos = [association_tree(p.association) for p in apdu.protos if p.association]
        return tree | {"assoc_version": hex(apdu.version), "protos": protos}
    if isinstance(apdu, phd.Aare):
        assert apdu.proto.association is not None
        return tree | {"result": apdu.result} | association_tree(apdu.proto.association)
    if isinstance(apdu, phd.Release):
        return tree | {"reason": apdu.reason}
    return tree | {"invoke_id": apdu.invoke_id, "message": hex(apdu.choice)} | body_tree(apdu.body)


def vectors(corpus: Path) -> list[Tree]:
    lines = (corpus / "ieee11073" / "phd_apdu" / "vectors.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_vector_decodes_to_its_tree_and_back(corpus: Path) -> None:
    good = 0
    for vector in vectors(corpus):
        raw = bytes.fromhex(vector["hex"])
        if "decode_error" in vector:
            with pytest.raises(InputError):
                phd.decode(raw)
            continue
        apdu = phd.decode(raw)
        assert tree_of(apdu, raw) == vector["decoded"], vector["name"]
        assert phd.encode(apdu) == raw
        good += 1
    assert good >= 43


def test_every_binary_file_is_an_apdu_or_an_input_error(corpus: Path) -> None:
    files = [p for p in (corpus / "ieee11073" / "phd_apdu" / "bin").rglob("*") if p.is_file()]
    assert len(files) >= 40
    bad = []
    for path in files:
        raw = path.read_bytes()
        try:
            assert phd.encode(phd.decode(raw)) == raw
        except InputError:
            bad.append(path.name)
    assert sorted(bad) == ["H221_ID_0190", "H221_ID_02BC", "scan_report_info_var"]


def test_published_floats(corpus: Path) -> None:
    rows = json.loads((corpus / "ieee11073" / "gatt" / "mder_float_vectors.json").read_text())
    assert len(rows) >= 43
    for row in rows:
        word = int(row["hex_be"], 16)
        value = mder.decode_sfloat(word) if row["type"] == "SFLOAT" else mder.decode_float(word)
        if value.special is None:
            assert value.to_decimal().as_tuple() == Decimal(row["expected"]).as_tuple(), row
        else:
            assert value.special.name.lower().replace("_", "") in SPECIALS[row["expected"]], row


SPECIALS = {
    "NaN": {"nan"},
    "NaN? (exponent not 0)": {"nan"},
    "NRes": {"nres"},
    "+INFINITY": {"positiveinfinity"},
    "-INFINITY": {"negativeinfinity"},
    "+INF": {"positiveinfinity"},
    "-INF": {"negativeinfinity"},
    "Reserved": {"reserved"},
    "reserved": {"reserved"},
}
