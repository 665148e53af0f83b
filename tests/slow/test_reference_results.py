"""The reference results in `results/default`, some of them made again: so every machine checks every other one."""

import json
from pathlib import Path

import pytest

from experiments.digests import digests, of_seeds
from quantstudy import StudyConfig, run_study, workers
from quantstudy.engine import drawing

pytestmark = pytest.mark.slow
KEPT = Path(__file__).resolve().parents[2] / "results" / "default"
SEEDS = 2


def test_two_seeds_of_every_activation_are_those_that_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nothing that was trained before
    monkeypatch.setattr(drawing, "draw_elsewhere", lambda *_: frozenset())
    monkeypatch.setattr(drawing, "draw_all", lambda *_, **__: None)
    config = StudyConfig(bits=(4,), seeds=SEEDS)
    with workers(2) as executor:
        found = digests(run_study(config, tmp_path / "run", executor=executor))
    kept = json.loads((KEPT / "digests.json").read_text())
    assert len(kept["weights"]["relu"]) == StudyConfig().seeds
    assert of_seeds(found, SEEDS) == of_seeds(kept, SEEDS)
