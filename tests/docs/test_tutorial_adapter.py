"""The tutorial "Your first adapter", followed word for word.

Every fenced block of the page is one step, by its kind: ``sh`` is run, in one shell's folder after the other;
``{code-block}`` with the caption ``Output`` lists lines that the step before must have printed, in this order;
``{code-block} diff`` changes the file of its caption; any other ``{code-block}`` is the whole file of its caption.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "first-adapter.md"
BLOCK = re.compile(r"^```(?:(sh)|\{code-block\} (\w+)\n:caption: ([^\n]+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHIM = "#!{python}\nimport sys\nfrom runpy import run_module\nrun_module({module!r}, run_name='__main__')\n"


@dataclass(frozen=True)
class Step:
    kind: str
    caption: str
    text: str


def steps() -> list[Step]:
    text = PAGE.read_text(encoding="utf-8")
    found = [Step(sh or language, caption or "", body) for sh, language, caption, body in BLOCK.findall(text)]
    assert len(found) == text.count("\n```") // 2, "a block that is no step"
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of an active environment of its own, over what this interpreter has installed."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no pip")
    env = tmp_path_factory.mktemp("tutorial") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    [site] = env.glob("lib/python*/site-packages")
    # Not a plain path: the folder's own .pth files count too, as of an editable installation.
    base = sysconfig.get_path("purelib")
    (site / "base.pth").write_text(f"import site; site.addsitedir({base!r})\n", encoding="utf-8")
    for name, module in (("iomt", "iomt_interop.cli"), ("pytest", "pytest")):
        script = env / "bin" / name
        script.write_text(SHIM.format(python=env / "bin" / "python", module=module), encoding="utf-8")
        script.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "IOMT_"))}
    return kept | {
        "PATH": f"{env / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(env),
        "COLUMNS": "200",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def run(script: str, cwd: Path, environment: dict[str, str]) -> tuple[str, Path]:
    """Run a block; return what it printed and where it ended."""
    marked = f'set -euo pipefail\n{script}\nprintf "\\n\\036%s" "$PWD"\n'
    done = subprocess.run(["bash", "-c", marked], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    printed, _, where = done.stdout.rpartition("\n\x1e")
    return done.stderr + printed, Path(where)


def change(path: Path, diff: str) -> None:
    """Apply the lines of a diff at the one place where they fit."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, path
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_tutorial_works_as_written(environment: dict[str, str], tmp_path: Path) -> None:
    cwd, printed = tmp_path, ""
    for step in steps():
        if step.kind == "sh":
            printed, cwd = run(step.text, cwd, environment)
        elif step.caption == "Output":
            rest = printed
            for line in step.text.splitlines():
                before, found, rest = rest.partition(line)
                assert found, f"{line!r} not in {before!r}"
        elif step.kind == "diff":
            change(cwd / step.caption, step.text)
        else:
            (cwd / step.caption).write_text(step.text, encoding="utf-8")
    assert (cwd / "conformance.json").is_file()


def test_the_page_has_steps_of_every_kind() -> None:
    kinds = [step.kind for step in steps()]
    assert {"sh", "diff", "toml", "text"} == set(kinds)
    assert kinds[0] == "sh"
    assert kinds[-1] == "text"
