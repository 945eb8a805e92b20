"""``docs/families.md``: nobody is missing, and only what passed is in it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from families import FAMILIES
from quatrain import models

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("families_tool", ROOT / "tools" / "families.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(path: Path, families: list[str], end: str = "") -> Path:
    """A report of one golden of each family, with ``end`` inside the last one."""
    cases = [
        f'<testcase classname="tests.test_goldens" name="test_golden[{family}-native]"><properties>'
        f'<property name="family" value="{family}"/><property name="engine" value="native"/>'
        f'<property name="variant" value="{variant}"/></properties>{end * (family == families[-1])}'
        "</testcase>"
        for family in families
        for variant in ("", *FAMILIES[family].variants)
    ]
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return path


def test_every_family_is_in_the_table():
    page = (ROOT / "docs" / "families.md").read_text()
    assert [name for name in models.FAMILIES if f"`{name}`" not in page] == []


def test_what_passed_is_told(tool, tmp_path):
    page = tool.page(tool.read(report(tmp_path / "report.xml", list(FAMILIES))))
    (row,) = [line for line in page.splitlines() if line.startswith("| `bert`")]
    assert row == (
        "| `bert`<br>BERT (Devlin et al. 2019) | `hidden_act` (gelu_new, silu); `layer_norm_eps`;"
        " `type_vocab_size` | safetensors |  | 3 checkpoints on native: golden |"
    )
    assert "`roberta`, `camembert`, `xlm-roberta`<br>RoBERTa" in page


@pytest.mark.parametrize("end", ["<failure/>", "<error/>", "<skipped/>"])
def test_what_did_not_pass_is_not_written(end, tool, tmp_path):
    with pytest.raises(SystemExit, match="test_golden"):
        tool.read(report(tmp_path / "report.xml", list(FAMILIES), end))
    with pytest.raises(SystemExit, match="no tests of gpt2"):
        tool.read(report(tmp_path / "report.xml", [name for name in FAMILIES if name != "gpt2"]))
