"""The rules of the house, kept by a test: names, rooms, sizes, and what an import costs."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import quatrain
from cases import CASES
from quatrain import _core
from quatrain.engines.native import Native
from quatrain.engines.onnx.lowering import Lowering
from quatrain.engines.reference import Reference
from quatrain.ops import KINDS, Ops

ROOT = Path(__file__).parents[1]
PYTHON = sorted((ROOT / "python" / "quatrain").rglob("*.py"))
CPP = sorted(path for path in (ROOT / "cpp").rglob("*") if path.suffix in (".h", ".cpp"))
TESTS = sorted((ROOT / "tests").glob("*.py"))
OPERATIONS = dict(Ops.operations())
#: Files that a program wrote.
GENERATED = ("unicode_tables.cpp",)

#: Room -> the rooms it may lean on when it is imported or run. ``errors`` is free to all.
ROOMS = {
    "errors": "",
    "audio": "",
    "ops": "",
    "module": "",
    "layout": "",
    "files": "_core",
    "hub": "",
    "cache_rows": "",
    "state": "cache_rows layout",
    "trace": "layout module ops",
    "tensor_file": "files",
    "checkpoint": "files tensor_file",
    "weights": "module tensor_file",
    "packed": "_core checkpoint engines files module tensor_file weights",
    "sentence": "files layers models",
    "folder": "checkpoint files sentence weights",
    "layers": "module ops state",
    "models": "layers module ops state",
    "engines": "_core cache_rows layout module ops state trace weights",
    "gguf": "files folder models sentence tensor_file weights",
    "marian": "folder tensor_file weights",
    "tokenizer": "_core files gguf hub",
    "parity": "",
    "tasks": "_core engines loader models parity",
    "export": "engines files models",
    "model": "audio engines export folder models packed tasks tokenizer trace",
    "shared": "",
    "loader": "engines folder gguf hub marian model models module packed shared tokenizer weights",
    "verify": "engines files loader model models parity trace",
    "commands": "engines files folder hub loader model models packed parity tasks"
    " tokenizer verify weights",
    "cli": "commands",
    "": "export loader model parity tasks tokenizer trace verify",
}
#: Only these rooms name an engine; the others get one from the loader.
NAME_AN_ENGINE = {"engines", "export", "verify"}
ANY_ENGINE = {"quatrain.engines", "quatrain.engines.engine"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> set[str]:
    """The modules of quatrain that a file imports; not those that only a type checker reads."""
    found = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "quatrain":
            found.update(f"quatrain.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            found.add(str(node.module))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return {name for name in found if name.startswith("quatrain")}


def room(path: Path) -> str:
    first = path.relative_to(ROOT / "python" / "quatrain").parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


# The vocabulary


def test_every_operation_has_a_case():
    assert set(OPERATIONS) == {case.op for case in CASES}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_specified(name):
    operation = OPERATIONS[name]
    assert inspect.getdoc(operation)
    assert operation.kind is None or operation.kind in KINDS
    parameters = inspect.signature(operation).parameters
    assert all(p.annotation is not p.empty for p in list(parameters.values())[1:])


@pytest.mark.parametrize("engine", [Reference, Native, Lowering])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_implemented_or_has_a_body(name, engine):
    mine, specified = getattr(engine, name), OPERATIONS[name]
    assert mine is not specified or not hasattr(specified, "required")
    # An override takes exactly what the specification says, by the same names.
    assert list(inspect.signature(mine).parameters) == list(inspect.signature(specified).parameters)


@pytest.mark.parametrize("engine", [Reference, Native, Lowering])
def test_an_engine_has_no_operation_that_the_vocabulary_lacks(engine):
    """What is public on an engine is an operation or part of what every engine is."""
    machinery = {
        "activation", "begin", "cache_dtype", "collect", "dtype", "emit", "form", "fused", "graph",
        "layout", "memory", "name", "named", "names", "numpy", "operations", "packed", "parameter",
        "recomputes", "run", "state", "threads",
    }  # fmt: skip
    public = {name for name in dir(engine) if not name.startswith("_")}
    assert public - machinery - set(OPERATIONS) == set()


def test_the_extension_has_what_its_stub_declares():
    stub = ast.parse((Path(quatrain.__file__).parent / "_core.pyi").read_text())
    declared = {n.name for n in stub.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    declared |= {n.target.id for n in stub.body if isinstance(n, ast.AnnAssign)}
    assert declared == {name for name in dir(_core) if not name.startswith("_")}


# Rooms


def test_a_room_leans_only_on_those_below():
    found = {}
    for path in PYTHON:
        used = {name.split(".")[1] for name in imports(path) if "." in name}
        allowed = {room(path), "errors", "__version__", *ROOMS[room(path)].split()}
        if used - allowed:
            found[relative(path)] = used - allowed
    assert found == {}


def test_only_some_rooms_name_an_engine():
    def named(path: Path) -> set[str]:
        return {name for name in imports(path) if name.startswith("quatrain.engines")} - ANY_ENGINE

    assert [relative(p) for p in PYTHON if room(p) not in NAME_AN_ENGINE and named(p)] == []


def test_a_model_does_no_arithmetic_on_arrays():
    """The paper and nothing else: sizes come from the config, numbers from operations."""
    models = [path for path in PYTHON if path.parent.name == "models"]
    assert models
    assert saying(models, r"\bnumpy\b|\bnp\.|\.shape\b|\.reshape\b|\.transpose\(") == []
    assert longer_than(300, models) == []


def test_only_the_bindings_know_python():
    below = [path for path in CPP if "bindings" not in path.parts]
    assert len(below) > 20
    assert saying(below, r"pybind11|Python\.h|\bpy::") == []


# Instruction sets

SIMD = ROOT / "cpp" / "cpu" / "simd"


def functions(path: Path) -> set[str]:
    return set(
        re.findall(r"^(?:QUATRAIN_INLINE|inline) .*?(\w+|operator.)\(", path.read_text(), re.M)
    )


@pytest.mark.parametrize("kind", ["vec", "ints"])
def test_every_instruction_set_has_what_the_portable_one_has(kind):
    """Processors without a tier never compile it: what it lacks is found here."""
    wanted = functions(SIMD / f"{kind}_portable.h")
    assert len(wanted) > 10
    for path in SIMD.glob(f"{kind}_*.h"):
        assert not wanted - functions(path), relative(path)


@pytest.mark.parametrize("kind", ["kernels", "integer"])
def test_neon_is_made_of_the_headers_of_the_portable_kernels(kind):
    def headers(path: Path) -> list[str]:
        return re.findall(r'#include "cpu/simd/((?!vec_|ints_).*)"', path.read_text())

    wanted = headers(SIMD / f"{kind}_portable.cpp")
    assert len(wanted) > 3
    for path in SIMD.glob(f"{kind}_neon*.cpp"):
        assert headers(path) == wanted, relative(path)


# Files


def saying(paths: list[Path], pattern: str) -> list[str]:
    """Which files have a match of ``pattern``."""
    return [relative(p) for p in paths if re.search(pattern, p.read_text(encoding="utf-8"))]


def longer_than(lines: int, paths: list[Path]) -> list[str]:
    return [relative(p) for p in paths if len(p.read_text("utf-8").splitlines()) > lines]


def test_no_file_outgrows_its_reader():
    written = [path for path in [*PYTHON, *CPP, *TESTS] if path.name not in GENERATED]
    assert longer_than(400, written) == []


def test_no_file_names_a_place_on_one_machine():
    pattern = r"[\"'](/home|/work|/tmp|/usr|/opt|/root|/Users)\b"
    assert saying([*PYTHON, *CPP], pattern) == []


def test_there_is_no_room_for_odds_and_ends():
    words = {"utils", "util", "helpers", "common", "misc"}
    paths = [path.relative_to(ROOT).with_suffix("") for path in [*PYTHON, *CPP, *TESTS]]
    assert [str(path) for path in paths if words & set(path.parts)] == []


def test_what_is_public_is_documented():
    for name in quatrain.__all__:
        assert inspect.getdoc(getattr(quatrain, name)), name
        assert inspect.getdoc(getattr(quatrain, name)) != inspect.getdoc(object), name


# What an import costs

#: Run in a process of its own; prints which third parties were imported.
SCRIPT = """
import sys, tempfile, warnings
import quatrain
if {task!r} != "import":
    decoder, encoder = {decoder!r}, {encoder!r}
    prompt = "Humpty" if decoder is None else [1, 2, 3]
    model = quatrain.load(decoder, engine={engine!r})
    model.generate(prompt, max_new_tokens=3, temperature=1.0, seed=1)
    quatrain.load(encoder, engine={engine!r}).encode([[1, 2, 3], [4]])
    model.trace(prompt)
    with tempfile.TemporaryDirectory() as out:
        model.export(out)
names = "torch transformers tokenizers tiktoken sentencepiece tensorflow scipy pandas".split()
print([name for name in names if name in sys.modules])
print("onnxruntime" in sys.modules)
"""


def run(task: str, decoder: str | None, encoder: str, engine: str) -> list[str]:
    script = SCRIPT.format(task=task, decoder=decoder, encoder=encoder, engine=engine)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
def test_no_task_imports_a_framework(engine, tiny):
    loaded, onnxruntime = run("all", str(tiny("gpt2")), str(tiny("bert")), engine)
    assert loaded == "[]"
    assert onnxruntime == str(engine == "onnx")


def test_importing_costs_no_third_party_that_is_not_needed():
    assert run("import", None, "", "native") == ["[]", "False"]


def test_the_default_model_needs_no_framework(tiny):
    assert run("all", None, str(tiny("bert")), "native") == ["[]", "False"]
