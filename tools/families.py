"""Write ``docs/families.md``: every family, its switches and files, as the tests have judged them.

    python tools/families.py                      # runs the families' tests, and writes it
    python tools/families.py REPORT.xml           # from the report of tests that ran already
    python tools/families.py REPORT.xml --check   # exits 1 if what is there is out of date

A report is what ``pytest -m family --junitxml=REPORT.xml`` writes. A family is in the table with
what passed, and nothing is written when a test failed or was left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from families import FAMILIES  # noqa: E402
from quatrain import models  # noqa: E402
from quatrain.engines import DTYPES  # noqa: E402

PAGE = ROOT / "docs" / "families.md"
SHAPES = {
    "Encoders": models.Encoder,
    "Encoder-decoders": models.EncoderDecoder,
    "Decoders": models.Decoder,
}
#: What a test's name says was proved.
PROOFS = {
    "test_golden": "golden",
    "test_hidden_states": "every layer",
    "test_logits": "logits",
    "test_greedy_ids": "greedy ids",
    "test_beams": "beams",
}
HEAD = """\
# Families

Made from the results of the tests by `tools/families.py`; change those, not this page.

A row is a `model_type` of `config.json`. **Switches** are the fields that the tests throw: with
each there is a random checkpoint, made by `transformers` in odd and unequal sizes, whose hidden
states of every layer and logits every engine must give within 1e-4 (relative, of `transformers` in
float64), and whose greedy ids and beams must be the same; `transformer`, which it does not have, is
judged by torch's own layers. What else a config may ask for that would change the numbers is
refused by name. **Files**: what the family was read from. **Weights**: what the native engine held
them in, saved and loaded again to the same bits. **Proof**: how many checkpoints, on which engines,
by what; a *golden* is kept in `tests/goldens` and judged without `transformers`.
"""


class Judged:
    """What passed of a family's tests."""

    def __init__(self) -> None:
        self.variants: set[str] = set()
        self.engines: set[str] = set()
        self.dtypes: set[str] = set()
        self.files: set[str] = {"safetensors"}
        self.proofs: set[str] = set()

    def add(self, case: ElementTree.Element, about: dict[str, str]) -> None:
        self.variants |= {about["variant"]} if "variant" in about else set()
        self.engines |= {about["engine"].partition(",")[0]} if "engine" in about else set()
        self.dtypes |= {about["dtype"]} if "dtype" in about else set()
        self.files |= {"GGUF"} if "gguf" in case.get("classname", "") else set()
        proof = PROOFS.get(case.get("name", "").partition("[")[0])
        self.proofs |= {proof} if proof else set()


def read(report: Path) -> dict[str, Judged]:
    """What passed, by family. Exits when anything of a family did not."""
    found: dict[str, Judged] = defaultdict(Judged)
    for case in ElementTree.parse(report).iter("testcase"):
        about = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
        if "family" not in about:
            continue
        if bad := [child.tag for child in case if child.tag in ("failure", "error", "skipped")]:
            raise SystemExit(f"{case.get('classname')}::{case.get('name')}: {bad[0]}")
        found[about["family"]].add(case, about)
    known = {name for family, judged in found.items() for name in names(family, judged.variants)}
    if missing := set(models.FAMILIES) - known:
        raise SystemExit(f"{report}: no tests of {', '.join(sorted(missing))}")
    return found


def names(family: str, variants: set[str]) -> list[str]:
    """The values of ``model_type`` that a family's tests threw."""
    changes = [FAMILIES[family].variants[variant] for variant in sorted(variants - {""})]
    return [family, *(change["model_type"] for change in changes if "model_type" in change)]


def switches(family: str, variants: set[str]) -> str:
    """The fields that a family's variants change, and their values where these are words."""
    values: dict[str, list[str]] = {}
    for variant in sorted(variants - {""}):
        for field, value in FAMILIES[family].variants[variant].items():
            if field == "model_type":
                continue
            words = values.setdefault(field, [])
            words += [word for word in said(value) if word not in words]
    return "; ".join(
        f"`{field}`" + (f" ({', '.join(words)})" if words else "")
        for field, words in sorted(values.items())
    )


def said(value: Any) -> list[str]:
    """The words of a value: itself, or what kind of scaling a dictionary asks for."""
    if isinstance(value, dict):
        value = value.get("rope_type", value.get("type"))
    return [str(value)] if isinstance(value, str | bool) else []


def row(family: str, judged: Judged) -> str:
    network = models.FAMILIES[family]
    proofs = [proof for proof in PROOFS.values() if proof in judged.proofs]
    cells = [
        f"{', '.join(f'`{name}`' for name in names(family, judged.variants))}<br>{title(network)}",
        switches(family, judged.variants) or "-",
        ", ".join(sorted(judged.files, key=str.lower, reverse=True)),
        ", ".join(dtype for dtype in DTYPES if dtype in judged.dtypes),
        f"{len(judged.variants)} checkpoints on {', '.join(sorted(judged.engines))}:"
        f" {', '.join(proofs)}",
    ]
    return f"| {' | '.join(cells)} |"


def title(network: type) -> str:
    """The model's name and paper, as its file's first line has them."""
    doc = " ".join((sys.modules[network.__module__].__doc__ or "").split())
    return re.split(r"(?<=\))|: ", doc)[0]


def page(judged: dict[str, Judged]) -> str:
    parts, left = [HEAD], dict(sorted(judged.items()))
    for name, shape in SHAPES.items():
        mine = [family for family in left if issubclass(models.FAMILIES[family], shape)]
        rows = [row(family, left.pop(family)) for family in mine]
        head = "| family | switches | files | weights | proof |\n|---|---|---|---|---|"
        parts.append("\n".join([f"## {name}\n", head, *rows, ""]))
    return "\n".join(parts)


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(arguments[0] if arguments else Path(scratch) / "report.xml")
        if not arguments:
            command = [sys.executable, "-m", "pytest", "-q", "-m", "family"]
            subprocess.run([*command, f"--junitxml={report}"], cwd=ROOT, check=True)
        text = page(read(report))
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        raise SystemExit(f"{PAGE.name} is out of date: run python tools/families.py")


if __name__ == "__main__":
    main()
