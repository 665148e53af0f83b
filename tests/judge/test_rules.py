"""The room's rules: no torch, nothing from the rooms below, documented examples that run."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import quantstudy.judge

FILES = sorted(Path(quantstudy.judge.__file__).parent.rglob("*.py"))
ALLOWED = {"collections", "dataclasses", "functools", "itertools", "math", "re", "typing", "numpy", "scipy", "pandas"}
OWN = ("quantstudy.config.study", "quantstudy.config.sweep", "quantstudy.config.tasks", "quantstudy.config.metrics",
       "quantstudy.config.allowed", "quantstudy.errors", "quantstudy.judge", "quantstudy.records.run",
       "quantstudy.quantize.scheme", "quantstudy.quantize.formats", "quantstudy.quantize.recover.names",
       "quantstudy.activations.catalogue", "quantstudy.activations.sameness",
       "quantstudy_kernels.elementary")  # fmt: skip


def test_importing_the_room_loads_no_torch_and_no_figures():
    code = (
        "import sys, quantstudy.judge.run, quantstudy.judge.compare, quantstudy.judge.multiverse; "
        "print([m for m in ('torch', 'torchao', 'matplotlib', 'seaborn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_and_length(path):
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] in ALLOWED or name.startswith(OWN), name
    assert len(text.splitlines()) < 250


@pytest.mark.parametrize(
    "name",
    [
        "judge.best_of",
        "judge.statistics.bootstrap",
        "judge.cause",
        "words.claims",
        "judge.claims",
        "judge.cliff",
        "judge.statistics.contrasts",
        "judge.deployable",
        "judge.differing",
        "judge.facts",
        "judge.statistics.halves",
        "judge.statistics.intervals",
        "judge.statistics.paired",
        "judge.parity",
        "judge.statistics.power",
        "judge.statistics.regret",
        "judge.statistics.robust",
        "judge.rules",
        "judge.statistics.seeds",
        "judge.statistics.sequential",
        "judge.statistics.shares",
        "judge.tie",
        "judge.verdict",
        "words.verdict",
    ],
)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(f"quantstudy.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
