"""HL7 v2 messages under Safe Harbor: what identified somebody in the records does not stand in what leaves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop.errors import IomtError
from iomt_interop.model import Record, json_schema, to_json
from iomt_interop.privacy import find_leaks, identifying_values
from iomt_interop.privacy.minimise import built_in, minimise

MAX_FILES = 120
MAX_SIZE = 200_000


def test_nothing_that_identifies_leaves(corpus: Path) -> None:
    policy = built_in("safe-harbor")
    paths = [p for p in sorted((corpus / "hl7v2").rglob("*.hl7")) if p.stat().st_size < MAX_SIZE][:MAX_FILES]
    if not paths:
        pytest.skip("no HL7 v2 messages in the corpus")
    searched, wrong = 0, []
    own = set(re.findall(r'"([A-Za-z-]+)"', json.dumps(json_schema())))  # the model's own words ("unknown")
    for path in paths:
        records: list[Record] = []
        try:
            for record in iomt.read(path, adapter="hl7v2_oru"):
                records.append(record)
        except IomtError:
            pass
        # What is written without letters of both cases is measured or coded, too, and would be found as such.
        values = [v for v in set(identifying_values(records)) if len(v) > 5 and re.search(r"[A-Z].*[a-z0-9]", v)]
        values = [v for v in values if v.lower() not in own]
        out = to_json(minimise(records, policy, as_of=2026).records)
        codes = set(re.findall(r'"(?:code|refid|system)":"([^"]*)"', out.decode()))
        leaks = {values[number] for number, _ in find_leaks(out, values)}
        wrong += [(path.name, len(text)) for text in leaks if not any(text.lower() in code.lower() for code in codes)]
        searched += len(values)
    assert wrong == []
    assert searched > 200
