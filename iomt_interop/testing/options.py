"""What the owner of a corpus says about it: ``conformance.toml`` beside the inputs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .. import _toml as toml
from ..errors import InvalidRequest
from ..plugins import Limits, ReadContext

__all__ = ["OPTIONS_FILE", "Options", "Waiver", "load_options"]

OPTIONS_FILE: Final = "conformance.toml"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Waiver(_Data):
    """A law that an adapter does not keep yet, with the reason and a last day. After it the law counts again."""

    law: Annotated[str, StringConstraints(pattern=r"^K\d+$")]
    case: str = "*"
    """Shell pattern of the cases."""
    reason: Annotated[str, StringConstraints(min_length=10)]
    until: date

    def covers(self, law: str, case: str | None, today: date) -> bool:
        """Tell whether the waiver excuses a finding today."""
        return self.law == law and today <= self.until and fnmatchcase(case or "", self.case)


class Reading(_Data):
    """How the corpus is to be read."""

    strictness: Literal["lenient", "standard", "strict"] = "lenient"
    default_zone: str | None = None
    identity: Literal["keep", "exclude"] = "exclude"

    def context(self, limits: Limits | None = None) -> ReadContext:
        """Return the read context."""
        return ReadContext(
            strictness=self.strictness,
            default_zone=self.default_zone,
            identity=self.identity,
            limits=limits or Limits(),
        )


class Options(_Data):
    """``conformance.toml``."""

    context: Reading = Reading()
    exclude: tuple[str, ...] = ()
    """Shell patterns of files in the corpus folder that are no inputs."""
    undetected: tuple[str, ...] = ()
    """Shell patterns of inputs that no rule can recognise by content; they are read by the adapter's name."""
    contradictory: tuple[str, ...] = ()
    """Shell patterns of inputs in which the device itself states a unit that does not fit its code."""
    form: str | None = None
    """Form in which the adapter's own writer writes for the round trip (``WriteContext.form``)."""
    throughput: Annotated[float, Field(gt=0)] = 1 / 400
    """The least ratio of the adapter's speed to that of the kit's reference loop."""
    waiver: tuple[Waiver, ...] = ()

    def waived(self, law: str, case: str | None) -> Waiver | None:
        """Return the waiver that covers a finding today."""
        today = datetime.now(UTC).date()
        return next((w for w in self.waiver if w.covers(law, case, today)), None)


def load_options(folder: Path | None) -> Options:
    """Read the options of a corpus folder; the defaults where there are none.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the file is not valid.
    """
    path = folder / OPTIONS_FILE if folder is not None else None
    if path is None or not path.is_file():
        return Options()
    try:
        data = toml.loads(path.read_text(encoding="utf-8"))
        return Options.model_validate(_tuples(data))
    except (OSError, UnicodeDecodeError, toml.NotTomlError):
        raise InvalidRequest("USE-001", path=OPTIONS_FILE, hint="not TOML") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise InvalidRequest("USE-001", path=f"{OPTIONS_FILE}: {where}") from None


def _tuples(value: object) -> object:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
