"""The rules of the house (DESIGN §2), checked on the source: who imports whom, docstrings, lengths, examples."""

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for top in ("quantstudy", "kernels", "experiments") for path in (ROOT / top).rglob("*.py"))

ROOMS = (
    "errors",
    "drift",
    "activations",
    "targets",
    "networks",
    "quantize",
    "config",
    "records",
    "cost",
    "measure",
    "judge",
    "deploy",
    "words",
    "show",
    "engine",
    "claims",
    "cli",
)
"""The rooms of `quantstudy/`, from the ground up: a room imports rooms before it in this list, none after it."""

LEAVES = ("quantstudy.activations.activation", "quantstudy.activations.catalogue", "quantstudy.quantize.formats",
          "quantstudy.quantize.scheme", "quantstudy.quantize.recover.names")  # fmt: skip
"""What names of activations, schemes and recipes mean: without torch, so that the rooms above may read them before it
is loaded."""

NO_TORCH = ("quantstudy.errors", "quantstudy.drift", *LEAVES, "quantstudy.activations.beyond",
            "quantstudy.activations.imported", "quantstudy.activations.sameness", "quantstudy.activations.syntax",
            "quantstudy.config", "quantstudy.records", "quantstudy.cost.counts", "quantstudy.judge",
            "quantstudy.words", "quantstudy.show", "quantstudy.claims",
            *(f"quantstudy.deploy.{name}" for name in (
                "as_json", "decisions", "formats", "gate.files", "gate.networks", "gate.outcome", "gate.table",
                "network", "onnx.graph", "onnx.runtime")),
            *(f"quantstudy.engine.{name}" for name in (
                "begun", "cells", "collect", "compare", "drawing", "drive", "engines", "estimate", "executors",
                "flights", "gate", "interrupts", "looks", "multiverse", "notices", "on_dask", "pipeline",
                "portability", "recover", "recovered", "repairs", "same", "show", "simulated_only", "sweep",
                "sweep_cell", "sweep_report", "swept", "tasks", "tuned", "worker_failures")),
            *(f"quantstudy.cli.{name}" for name in (
                "advice", "app", "claims", "compact", "cost_table", "deploy_commands", "exits", "gate", "gate_options",
                "layout", "look_commands", "multiverse", "recover", "run", "show", "streams", "sweep", "sweep_commands",
                "sweep_report", "tasks", "terminal")))  # fmt: skip
"""What runs before a cell does, or reads records only. `import torch` may stand inside a function of some of them."""

ARITHMETIC = "quantstudy_kernels.arithmetic"
"""One leaf of the kernels that these may import: a number, part of what names results."""

ELEMENTARY = "quantstudy_kernels.elementary"
"""Another one: exp and logarithms, made of numpy alone."""

FLOAT8 = "quantstudy_kernels.float8"
"""A third one: what the codes of floats of 8 bits stand for."""

DRIFT = {"numpy", "scipy", "contourpy"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "kernels" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str, *, at_import: bool = False) -> tuple[str, ...]:
    """Dotted names that a module imports, anywhere or (at_import) only where importing it would run the line."""
    return tuple(_imports(module, at_import))


def _imports(module: str, at_import: bool) -> Iterator[str]:
    waiting: list[ast.AST] = [tree(module)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
            source = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            names = [f"{source}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else source for name in names)
        waiting += ast.iter_child_nodes(node)


def within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def room(module: str) -> str:
    """The room that a module is in."""
    return module.split(".")[1]


OURS = sorted(name for name in MODULES if name.startswith("quantstudy.") and name != "quantstudy.__main__")
EXPERIMENTS = sorted(name for name in MODULES if within(name, ("experiments",)))
FIGURES = [name for name in EXPERIMENTS if name.startswith("experiments.claims.") and name.endswith("_figure")]
CLAIMED = [name.removesuffix("_figure") for name in FIGURES]

ONLY = {
    "noise": ("quantstudy.targets.islands",),
    "torchao": ("quantstudy.quantize.torchao_import",),
    "triton": ("quantstudy_kernels",),
    "numba": ("quantstudy_kernels", "experiments.bench"),
    "seaborn": ("quantstudy.show",),
    "matplotlib": ("quantstudy.show", *FIGURES, "experiments.bound_sweep_figure"),
    "jax": ("experiments.bench.training_in_jax",),
    "dask": ("quantstudy.engine.on_dask",),
    "distributed": ("quantstudy.engine.on_dask",),
    "jinja2": ("quantstudy.show",),
    "onnx": ("quantstudy.deploy.onnx", "experiments.naive_graphs"),
    "onnxruntime": ("quantstudy.deploy.onnx",),
    "typer": (
        *("quantstudy.cli.app", "quantstudy.cli.exits", "quantstudy.cli.options"),
        *("quantstudy.cli.claim_options", "quantstudy.cli.recover_options", "quantstudy.cli.run_options"),
        *("quantstudy.cli.deploy_commands", "quantstudy.cli.deploy_options", "quantstudy.cli.gate_options"),
        "quantstudy.cli.sweep_commands",
        "quantstudy.cli.look_commands",
    ),
    "rich": ("quantstudy.cli.terminal", "quantstudy.cli.layout"),
    "skimage": (),
    "contourpy": ("quantstudy.drift", "quantstudy.show"),
    "tomllib": ("quantstudy.config.toml",),
}
"""Packages that only these may import."""


def for_each(modules: Iterable[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Make one test of a check of many modules: a thousand tests would take seconds to report."""

    def decorate(check: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            for module in modules:
                check(module)

        return test

    return decorate


def test_every_module_has_its_room() -> None:
    assert len(OURS) > 40
    assert {room(module) for module in OURS} == set(ROOMS)
    loose = {path.name for path in (ROOT / "quantstudy").glob("*.py")}
    assert loose == {"__init__.py", "__main__.py", "errors.py"}


@for_each(OURS)
def test_a_room_imports_only_rooms_below_it(module: str) -> None:
    for name in imports(module):
        if name in OURS and room(name) != room(module):
            assert ROOMS.index(room(name)) < ROOMS.index(room(module)), f"{module} imports {name}, a room above"


def test_there_are_no_circles() -> None:
    """Not inside a room either, and not by imports inside functions."""
    above: list[str] = []
    done: set[str] = set()

    def walk(module: str) -> None:
        assert module not in above, f"a circle: {' -> '.join([*above[above.index(module) :], module])}"
        if module in done:
            return
        above.append(module)
        for name in imports(module):
            if name in MODULES and name != module:
                walk(name)
        done.add(above.pop())

    for module in MODULES:
        walk(module)


def test_the_checker_sees_imports() -> None:
    assert {"quantstudy.engine.worker", "time"} <= set(imports("quantstudy.engine.pipeline"))
    assert "quantstudy.engine.worker" not in set(imports("quantstudy.engine.pipeline", at_import=True))
    assert "torch" in set(imports("quantstudy.engine.worker"))
    assert "pandas" not in set(imports("quantstudy.records.run", at_import=True))


@for_each(sorted(MODULES))
def test_packages_with_one_door(module: str) -> None:
    for name in imports(module):
        allowed = ONLY.get(name.partition(".")[0])
        assert allowed is None or within(module, allowed), f"{module} imports {name}"


@for_each([name for name in OURS if within(name, NO_TORCH)])
def test_no_torch(module: str) -> None:
    inside = ("activations.activation", "cli.app", "engine.pipeline", "engine.portability")  # functions that import it
    names = set(imports(module, at_import=module.removeprefix("quantstudy.") in inside)) - {
        ARITHMETIC,
        ELEMENTARY,
        FLOAT8,
    }
    tops = {name.partition(".")[0] for name in names}
    kernels = {"quantstudy_kernels"} if not within(module, ("quantstudy.drift",)) else set()
    assert not tops & {"torch", "torchao", *kernels}, module


@for_each([name for name in OURS if within(name, ("quantstudy.drift",))])
def test_drift_knows_arrays_only(module: str) -> None:
    for name in imports(module):
        top = name.partition(".")[0]
        ours = within(name, ("quantstudy.drift", "quantstudy_kernels.cpu", ELEMENTARY, FLOAT8))
        known = top in sys.stdlib_module_names or top in DRIFT or ours
        assert known, f"{module} imports {name}"


@for_each([name for name in OURS if room(name) in ("judge", "words", "show")])
def test_judge_words_and_show_know_no_models(module: str) -> None:
    models = tuple(f"quantstudy.{room}" for room in ("activations", "targets", "networks", "quantize", "measure"))
    leaves = (*LEAVES, "quantstudy.activations.sameness", "quantstudy.targets.target")  # what data look like
    for name in imports(module):
        assert not within(name, models) or within(name, leaves), f"{module} imports {name}"


@for_each([name for name in OURS if room(name) == "cost"])
def test_cost_knows_functions_and_no_study(module: str) -> None:
    known = (
        "quantstudy.cost",
        "quantstudy.errors",
        "quantstudy.records.provenance",
        "quantstudy.activations.catalogue",
    )
    for name in imports(module):
        assert not name.startswith("quantstudy.") or within(name, known), f"{module} imports {name}"


@for_each([name for name in OURS if room(name) != "cost"])
def test_only_the_command_line_measures_costs(module: str) -> None:
    for name in imports(module):
        known = ("quantstudy.cost.counts",) if module == "quantstudy.engine.pipeline" else ()
        measured = within(name, ("quantstudy.cost",)) and name not in known
        assert module == "quantstudy.cli.cost" or not measured, f"{module} imports {name}"


@for_each([name for name in MODULES if name.startswith("quantstudy_kernels")])
def test_kernels_know_nothing_of_the_study(module: str) -> None:
    for name in imports(module):
        assert name.partition(".")[0] != "quantstudy", f"{module} imports {name}"
        assert name.partition(".")[0] not in ("pandas", "pyarrow", "safetensors", "torchao")


@for_each([name for name in MODULES if not within(name, ("experiments",))])
def test_the_package_knows_nothing_of_experiments(module: str) -> None:
    """Nothing of them is installed with it; `claims.checkout` loads them by name."""
    for name in imports(module):
        assert name.partition(".")[0] != "experiments", f"{module} imports {name}"


@for_each(CLAIMED)
def test_claims_rest_on_measures_and_the_package(module: str) -> None:
    """It imports no other claim, with which it would be measured again, and no figure, which workers don't load."""
    for name in imports(module):
        known = ("experiments.measures", "quantstudy", "quantstudy_kernels")
        outside = name.partition(".")[0] not in ("experiments", "quantstudy", "quantstudy_kernels")
        assert outside or within(name, known), f"{module} imports {name}"
        assert not within(name, ("quantstudy.show", "quantstudy.cli")), f"{module} imports {name}"


@for_each([name for name in EXPERIMENTS if within(name, ("experiments.measures",))])
def test_measures_know_no_claims(module: str) -> None:
    unknown = ("experiments.claims", "experiments.bench", "quantstudy.claims", "quantstudy.judge", "quantstudy.words",
               "quantstudy.show", "quantstudy.cli")  # fmt: skip
    for name in imports(module):
        assert not within(name, unknown), f"{module} imports {name}"


@for_each(FIGURES)
def test_a_figure_knows_its_own_claim_only(module: str) -> None:
    known = (module.removesuffix("_figure"), "experiments.claims.drawing", "experiments.measures")
    for name in imports(module):
        assert not within(name, ("experiments",)) or within(name, known), f"{module} imports {name}"


@for_each(EXPERIMENTS)
def test_experiments_import_by_whole_names(module: str) -> None:
    """`checkout.sources` reads them as they are written."""
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree(module))), module


def test_what_is_measured_loads_no_matplotlib() -> None:
    program = (
        f"import importlib, sys; [importlib.import_module(name) for name in {CLAIMED}];"
        "print(sorted({'matplotlib', 'seaborn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_kernels_is_a_source_root() -> None:
    assert not (ROOT / "kernels" / "__init__.py").exists()


def test_what_the_import_rules_say_is_so() -> None:
    """The same by running: what reads records and starts cells loads no torch, what measures drift only Numba."""
    light = [name for name in OURS if within(name, NO_TORCH)]
    drift = [name for name in light if within(name, ("quantstudy.drift",))]
    heavy = {"torch", "torchao", "triton"}
    kernels = {name for name in MODULES if within(name, ("quantstudy_kernels.cpu", "quantstudy_kernels.dispatch"))}
    for names, unwanted in ((drift, heavy), (sorted({*light} - {*drift}), heavy | {"numba", *kernels})):
        program = (
            f"import importlib, sys; [importlib.import_module(name) for name in {names}];"
            f"print(sorted({unwanted} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def test_the_public_names_load() -> None:
    import quantstudy

    assert {"StudyConfig", "run_study", "open_run", "target_of"} <= set(quantstudy.__all__) <= set(dir(quantstudy))
    for name in quantstudy.__all__:
        assert getattr(quantstudy, name) is not None
    with pytest.raises(AttributeError, match="'quantstudy' has no attribute 'nonsense'"):
        _ = quantstudy.nonsense


def definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{prefix}.{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, f"{prefix}.{child.name}")
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from definitions(child, prefix)


@for_each(sorted(MODULES))
def test_everything_public_has_a_docstring(module: str) -> None:
    assert ast.get_docstring(tree(module)), f"{module} has no docstring"
    for name, node in definitions(tree(module), module):
        assert ast.get_docstring(node), f"{name} has no docstring"  # type: ignore[arg-type]


@for_each(sorted(MODULES))
def test_no_file_is_longer_than_300_lines(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 300, module


@for_each(sorted(MODULES))
def test_no_function_is_longer_than_60_lines(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{module}.{node.name}"


def test_most_files_are_short() -> None:
    assert median(len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values()) <= 150


EXAMPLES = sorted(name for name in MODULES if ">>> " in MODULES[name].read_text(encoding="utf-8"))


def test_there_are_examples() -> None:
    assert {"quantstudy.errors", "quantstudy.quantize.scheme", "quantstudy.records.schemas"} <= set(EXAMPLES)


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module: str) -> None:
    if module.startswith("quantstudy_kernels.triton"):
        pytest.importorskip("triton")
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
