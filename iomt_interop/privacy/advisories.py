"""Which devices an advisory speaks of: CSAF 2.0 documents that the user supplies, against the inventory.

Source: OASIS CSAF 2.0, sections 3.2.2 (product tree) and 3.2.3.9 (product status); version ranges are ``vers`` texts
or a comparison before a number. Names are written freely by everybody, so a match says how sure it is, and a version
that cannot be compared is to be looked at by a person: never is a device passed over because its version is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from ..errors import MalformedInput
from .inventory import DeviceEntry

__all__ = ["Advisory", "Match", "Product", "Status", "Vulnerability", "load_advisory", "match"]

Status = Literal["affected", "fixed", "not-affected", "under-investigation"]

_STATUSES: Final[dict[str, Status]] = {
    "known_affected": "affected",
    "first_affected": "affected",
    "last_affected": "affected",
    "under_investigation": "under-investigation",
    "fixed": "fixed",
    "first_fixed": "fixed",
    "recommended": "fixed",
    "known_not_affected": "not-affected",
}
_COMPARISON: Final = re.compile(r"\s*(<=|>=|!=|<|>|=)?\s*v?([0-9A-Za-z][\w.+~-]*)\s*")
_RUNS: Final = re.compile(r"[0-9]+|[A-Za-z]+")
_EARLY: Final = frozenset({"alpha", "beta", "rc", "pre", "dev", "preview"})
_MAX_NODES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the tree with the branches that it hangs on."""

    id: str
    name: str
    vendor: str | None
    product: str | None
    version: str | None
    """An exact version."""
    range: str | None
    """A range of versions."""
    models: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One vulnerability of a document."""

    name: str
    """Its CVE, else another id of it."""
    statuses: dict[str, Status]
    """By product id."""
    remedies: dict[str, tuple[str, ...]]
    """Categories of remediations by product id."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A document, as far as matching needs it."""

    id: str
    title: str
    products: tuple[Product, ...]
    vulnerabilities: tuple[Vulnerability, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """That an advisory speaks of a device."""

    device: str
    """Id of the device."""
    advisory: str
    vulnerability: str
    product: str
    """Id of the product in the document."""
    state: Literal["affected", "under-investigation", "check"]
    """``check``: the product is the device's, and its version cannot be compared."""
    sure: bool
    """Whether maker and model agree in full, not in some words."""
    remedies: tuple[str, ...]
    """Categories of the remediations (``vendor_fix``, ``mitigation``)."""


def load_advisory(data: bytes) -> Advisory:
    """Read a CSAF 2.0 document.

    Raises
    ------
    MalformedInput
        ``AGR-002`` when it is none.
    """
    try:
        tree = json.loads(data)
        document = tree["document"]
        if not str(document["csaf_version"]).startswith("2."):
            raise ValueError
        products = tuple(_products(tree.get("product_tree", {})))
        groups = {
            group["group_id"]: group["product_ids"] for group in tree.get("product_tree", {}).get("product_groups", [])
        }
        found = tuple(_vulnerability(entry, groups) for entry in tree.get("vulnerabilities", []))
        return Advisory(str(document["tracking"]["id"]), str(document["title"]), products, found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MalformedInput("AGR-002") from None


def _products(tree: dict[str, Any]) -> Iterator[Product]:
    whole = {name["product_id"]: _product(name, {}) for name in tree.get("full_product_names", [])}
    waiting: list[tuple[dict[str, Any], dict[str, str]]] = [(branch, {}) for branch in tree.get("branches", [])]
    count = 0
    while waiting:
        count += 1
        if count > _MAX_NODES:
            raise ValueError
        branch, above = waiting.pop()
        path = above | {branch["category"]: branch["name"]}
        if "product" in branch:
            found = _product(branch["product"], path)
            whole[found.id] = found
        waiting += [(below, path) for below in branch.get("branches", [])]
    for relation in tree.get("relationships", []):
        # Of a component installed on a product, the product is the device.
        base = whole.get(relation["relates_to_product_reference"])
        name = relation["full_product_name"]
        made = _product(name, {})
        if base is not None:
            made = Product(
                made.id, made.name, base.vendor, base.product, base.version, base.range, base.models, base.serials
            )
        whole[made.id] = made
    yield from whole.values()


def _product(name: dict[str, Any], path: dict[str, str]) -> Product:
    helper = name.get("product_identification_helper", {})
    return Product(
        id=str(name["product_id"]),
        name=str(name["name"]),
        vendor=path.get("vendor"),
        product=path.get("product_name") or path.get("product_family"),
        version=path.get("product_version"),
        range=path.get("product_version_range"),
        models=tuple(map(str, helper.get("model_numbers", []))),
        serials=tuple(map(str, helper.get("serial_numbers", []))),
    )


def _vulnerability(entry: dict[str, Any], groups: dict[str, list[str]]) -> Vulnerability:
    statuses: dict[str, Status] = {}
    for name, status in _STATUSES.items():
        for product in entry.get("product_status", {}).get(name, []):
            # What is named as affected stays so, whatever else the document says of it.
            statuses.setdefault(str(product), status)
    remedies: dict[str, tuple[str, ...]] = {}
    for remedy in entry.get("remediations", []):
        named = [*remedy.get("product_ids", [])]
        for group in remedy.get("group_ids", []):
            named += groups.get(group, [])
        for product in named:
            known = remedies.get(str(product), ())
            category = str(remedy["category"])
            remedies[str(product)] = known if category in known else (*known, category)
    ids = [str(one["text"]) for one in entry.get("ids", [])]
    name = entry.get("cve") or (ids[0] if ids else None) or entry.get("title") or "unnamed"
    return Vulnerability(str(name), statuses, remedies)


def match(devices: Iterable[DeviceEntry], advisories: Iterable[Advisory]) -> list[Match]:
    """Return the devices that need an update or a look.

    Parameters
    ----------
    devices : iterable of DeviceEntry
        The inventory.
    advisories : iterable of Advisory
        The documents.
    """
    known = list(advisories)
    found: dict[tuple[str, str, str], Match] = {}
    for device in devices:
        for advisory in known:
            for one in _matches(device, advisory):
                key = (one.device, one.advisory, one.vulnerability)
                old = found.get(key)
                if old is None or (_RANK[one.state], one.sure) > (_RANK[old.state], old.sure):
                    found[key] = one
    return list(found.values())


_RANK: Final = {"check": 0, "under-investigation": 1, "affected": 2}


def _matches(device: DeviceEntry, advisory: Advisory) -> Iterator[Match]:
    same = [(product, sure) for product in advisory.products if (sure := _is(device, product)) is not None]
    for vulnerability in advisory.vulnerabilities:
        cleared = {"fixed", "not-affected"}
        if any(
            vulnerability.statuses.get(product.id) in cleared and _within(device, product) is True
            for product, sure in same
            if sure and (product.version or product.range)
        ):
            continue
        for product, sure in same:
            status = vulnerability.statuses.get(product.id)
            inside = _within(device, product)
            if status not in ("affected", "under-investigation") or inside is False:
                continue
            remedies = vulnerability.remedies.get(product.id, ())
            state: Literal["affected", "under-investigation", "check"] = "check" if inside is None else status
            yield Match(device.id, advisory.id, vulnerability.name, product.id, state, sure, remedies)


def _is(device: DeviceEntry, product: Product) -> bool | None:
    """Tell whether a product is the device's, in full (``True``) or in some words; ``None`` when it is not."""
    if device.serial and any(_fits(device.serial, pattern) for pattern in product.serials):
        return True
    if product.serials and device.serial:
        return None
    model = _words(device.model)
    vendor = _alike(_words(device.manufacturer), _words(product.vendor)) if product.vendor else False
    if not model or (vendor is None and device.manufacturer):
        return None
    if device.model and any(_fits(device.model, pattern) for pattern in product.models):
        return bool(vendor)
    named = _alike(model, _words(product.product or product.name))
    return None if named is None else bool(named and vendor)


def _fits(text: str, pattern: str) -> bool:
    """Match a number with the wildcards of CSAF: a question mark and an asterisk, and nothing else."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", (text or "").casefold()))


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool | None:
    """Tell whether two names are the same, or one has all words of the other; ``None`` when neither."""
    if not one or not other:
        return None
    if one == other:
        return True
    return False if set(one) <= set(other) or set(other) <= set(one) else None


def _within(device: DeviceEntry, product: Product) -> bool | None:
    """Tell whether a device's version is the product's; ``None`` when nobody can tell."""
    wanted = product.range or product.version
    if wanted is None:
        return True
    answers = [_in_range(text, wanted) for kind, text in device.versions if kind in ("firmware", "software")]
    if True in answers:
        return True
    # A device whose versions are all told and outside is not meant; one of unknown version may be.
    return None if None in answers or not answers else False


def _in_range(version: str, wanted: str) -> bool | None:
    text = re.sub(r"^vers:[\w.+-]+/", "", wanted.strip())
    if text == "*":
        return True
    parts = [_COMPARISON.fullmatch(part) for part in re.split(r"[|,]", text)]
    if not parts or not all(parts):
        return None
    bounds = [(found[1] or "=", found[2]) for found in parts if found is not None]
    if any(sign == "=" and _order(version, bound) == 0 for sign, bound in bounds):
        return True
    if any(sign == "!=" and _order(version, bound) == 0 for sign, bound in bounds):
        return False
    limits = [(sign, bound) for sign, bound in bounds if sign not in ("=", "!=")]
    if not limits:
        return all(sign == "!=" for sign, _ in bounds)
    return _in_intervals(version, limits)


def _in_intervals(version: str, limits: list[tuple[str, str]]) -> bool:
    """Decide by intervals: a lower limit and the upper one behind it belong together (VERS)."""
    lower: str | None = None
    for sign, bound in limits:
        order = _order(version, bound)
        if sign in (">", ">="):
            lower = "in" if order > 0 or (order == 0 and sign == ">=") else "out"
            continue
        if (order < 0 or (order == 0 and sign == "<=")) and lower != "out":
            return True
        lower = None
    return lower == "in"


def _order(one: str, other: str) -> int:
    """Compare two versions by their runs of digits and letters; a word like ``rc`` comes before nothing."""
    left, right = _RUNS.findall(one.lstrip("vV")), _RUNS.findall(other.lstrip("vV"))
    while len(left) < len(right):
        left.append("")
    while len(right) < len(left):
        right.append("")
    for a, b in zip(left, right, strict=True):
        first, second = _rank(a), _rank(b)
        if first != second:
            return -1 if first < second else 1
    return 0


def _rank(run: str) -> tuple[int, int, str]:
    if not run or (run.isdigit() and not int(run[:4300])):
        return (1, 0, "")  # 1.0 and 1.0.0 are the same
    if run.isdigit():
        return (3, int(run[:4300]), "")
    return (0 if run.lower() in _EARLY else 2, 0, run.lower())
