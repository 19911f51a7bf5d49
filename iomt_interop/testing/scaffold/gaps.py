"""What stands in the gaps of the templates, for one medium and framing."""

from __future__ import annotations

import json
from typing import Final

from . import plan
from .fill import fill
from .plan import Framing, Medium
from .samples import CASES, SAMPLE

__all__ = ["gaps_of"]


def gaps_of(adapter_id: str, medium: Medium, framing: Framing, title: str, vendor: str) -> dict[str, str]:
    """Return each gap's name and text."""
    suffix, stream, directory = plan.SUFFIXES[framing], medium == "stream", medium == "directory"
    documents = plan.CUTTERS[framing][0] == "whole"
    ending = "" if directory else suffix
    phi = ["subject.identifiers", "device.serial", "extensions", "residue.raw"]
    if framing != "binary":
        phi.append("observation.notes")
    cases = [name for name in CASES if name != SAMPLE]
    gaps = {
        "id": adapter_id,
        "upper": adapter_id.upper(),
        "dashed": adapter_id.replace("_", "-"),
        "prefix": adapter_id.upper().replace("_", ""),
        "medium": medium,
        "title_plain": title,
        "title_toml": _quoted(title),
        "vendor_plain": vendor,
        "vendor_toml": _quoted(vendor),
        "description_toml": _quoted(f"Adapter of iomt_interop: {title}"),
        "manufacturer": _literal(vendor),
        "model": _literal(title),
        "phi": ", ".join(f'"{path}"' for path in phi),
        "sample": SAMPLE + ending,
        "files": "\n".join(f'"{name}{ending}" = "{_TOLD[name]}"' for name in cases),
        "sniff": _sniff(adapter_id, medium, framing),
        "end": plan.END_MARKS.get(framing, "").format(id=adapter_id),
        "field_name": plan.FIELD_NAME[framing],
        "field_extra": plan.FIELD_EXTRA.get(framing, ""),
        "framing_words": plan.FRAMING_WORDS[framing],
        "medium_words": plan.MEDIUM_WORDS[medium],
        "decode_words": f" and `{adapter_id}/cut.py`" if not documents else "",
        "json_unit": plan.JSON_UNIT[stream],
        "xml_unit": plan.XML_UNIT[stream],
        "note_row": "" if framing == "binary" else "| note | `Observation.notes` |\n",
        "header_repeats": str(stream or documents),
        "members_table": _MEMBERS.format(suffix=suffix) if directory else "",
        "members_all": '    "MEMBERS",\n' if directory else "",
    }
    return gaps | _reader_gaps(medium, framing)


_TOLD: Final = {
    "one": "one reading with everything",
    "absent": "readings without a value, one without a patient number, a note",
}

_MEMBERS: Final = '''
MEMBERS: Final = ("device{suffix}", "readings/*{suffix}")
"""Shell patterns of the files that are read; any other becomes residue. Each begins with a header."""
'''


def _reader_gaps(medium: Medium, framing: Framing) -> dict[str, str]:
    """Return what differs in ``reader.py``: imports, input, provenance."""
    part = plan.input_part(framing, medium)
    errors, stdlib = set(plan.ERRORS), dict(plan.STDLIB)
    if part == "message":
        errors |= {"LimitExceeded", "TruncatedInput"}
        stdlib["itertools"] = "chain"
    if part == "directory":
        stdlib["fnmatch"] = "fnmatchcase"
    line = ", ".join(sorted(errors))
    return {
        "stdlib": "\n".join(f"from {module} import {stdlib[module]}" for module in sorted(stdlib)) + "\n",
        "errors": line if len(line) < 85 else "(\n" + "".join(f"    {e},\n" for e in sorted(errors)) + ")",
        "foreign": "\nfrom .foreign import ForeignFile" if part == "directory" else "",
        "members": " MEMBERS," if part == "directory" else "",
        "cutter_type": ": Cutter | ForeignFile" if part == "directory" else "",
        "input": fill(f"{part}.py", framing, {}).rstrip(),
        "origin": _ORIGIN_MEMBER if part == "directory" else _ORIGIN,
    }


_ORIGIN: Final = """\
        return Provenance(adapter=ADAPTER, version=VERSION, digest=digest, span=piece.span, path=path)"""
_ORIGIN_MEMBER: Final = """\
        where = self._member if path is None else f"{self._member}: {path}"
        return Provenance(adapter=ADAPTER, version=VERSION, digest=digest, span=piece.span, path=where)"""


def _sniff(adapter_id: str, medium: Medium, framing: Framing) -> str:
    """Return the manifest's rules that recognise the format, and those octets that mean nothing."""
    magic = plan.MAGIC[framing].replace(b"{UPPER}", adapter_id.upper().encode()).replace(b"{id}", adapter_id.encode())
    suffix = plan.SUFFIXES[framing]
    plain = magic.decode("latin-1") if framing != "binary" else "sync, length, type of the header"
    if medium == "directory":
        rules = [
            f'\n[[sniff.member]]\nname = "device{suffix}"\nbytes = "{magic.hex().upper()}"   # {plain}',
            f'\n[[sniff.member]]\nname = "readings/*{suffix}"',
        ]
    else:
        rules = [f'\n[[sniff.magic]]\nbytes = "{magic.hex().upper()}"   # {plain}']
        if framing == "binary":
            rules.append(
                '\n[[sniff.frames]]\ntags = ["AA55"]\nlength_offset = 2\nlength_size = 1\n'
                "header = 8   # all octets of a frame beside the payload"
            )
    if framing in plan.IGNORED:
        regex, reason = plan.IGNORED[framing]
        rules.append(f"\n[[ignored]]\nregex = '''{regex}'''\nreason = \"{reason}\"")
    return "\n".join(rules)


def _quoted(text: str) -> str:
    """Return a string as TOML writes it; the text is printable."""
    return json.dumps(text, ensure_ascii=False)


def _literal(text: str) -> str:
    """Return a string as Python writes it, with the quotes that need the fewest escapes."""
    return repr(text) if text.count('"') > text.count("'") else json.dumps(text, ensure_ascii=False)
