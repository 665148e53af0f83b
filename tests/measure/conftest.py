"""One tiny study, trained for a few steps, with every scheme applied to it once; only looked at."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.worker import quantize
from quantstudy.measure.drift import ANALYSES, float_rows
from quantstudy.measure.evaluation import Effect, Subject, heldout_islands, subject
from quantstudy.measure.parity import plan_rows
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train
from quantstudy.targets.islands import island_masks

TINY = StudyConfig(
    bits=(4,),
    activations=("relu", "leaky_relu"),
    seeds=2,
    steps=60,
    batch=64,
    lr=0.05,
    grid=9,
    hidden=(3, 2),
    frequency=2.0,
    device="cpu",
)


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""


@pytest.fixture(scope="session")
def tiny() -> StudyConfig:
    return TINY


def trained_subject(name: str, seeds=range(2)) -> Subject:
    masks = island_masks(seeds, TINY.grid, TINY.frequency)
    start = initial_stack(parse_activation(name), seeds, TINY.hidden)
    stack, _ = train(start, seeds, masks, steps=TINY.steps, batch=TINY.batch, lr=TINY.lr)
    return subject(stack, seeds, masks, heldout_islands(seeds, TINY.grid, TINY.frequency))


@pytest.fixture(scope="session")
def make_subject() -> Callable[..., Subject]:
    return trained_subject


@pytest.fixture(scope="session")
def on() -> Subject:
    return trained_subject("leaky_relu")


@pytest.fixture(scope="session")
def effects(on: Subject) -> dict[str, Effect]:
    return {str(scheme): quantize(on, TINY, scheme) for scheme in TINY.all_schemes}


def frame(tables: list[pa.Table]) -> pd.DataFrame:
    """Rows as a pandas table of plain objects, so that null is None and not NaN."""
    return pd.DataFrame([row for table in tables for row in table.to_pylist()])


@pytest.fixture(scope="session")
def to_frame() -> Callable[[list[pa.Table]], pd.DataFrame]:
    return frame


def all_rows(on: Subject, effects: dict[str, Effect]) -> list[pa.Table]:
    tables = float_rows(on)
    for effect in effects.values():
        for analysis in ANALYSES.values():
            tables += analysis(on, effect)
    return tables


@pytest.fixture(scope="session")
def every_row(on: Subject, effects: dict[str, Effect]) -> list[pa.Table]:
    return all_rows(on, effects)


@pytest.fixture(scope="session")
def measure_all() -> Callable[[Subject], tuple[list[dict], list[dict]]]:
    """Every metric row and plan row of a subject under every scheme of the tiny study."""

    def measured(on: Subject) -> tuple[list[dict], list[dict]]:
        effects = {str(scheme): quantize(on, TINY, scheme) for scheme in TINY.all_schemes}
        plans = [row for effect in effects.values() for table in plan_rows(on, effect) for row in table.to_pylist()]
        return [row for table in all_rows(on, effects) for row in table.to_pylist()], plans

    return measured


@pytest.fixture(scope="session")
def dead() -> Subject:
    """Networks whose weights are all 0: every map is constant."""
    live = trained_subject("relu")
    zeros = live.stack.with_weights([torch.zeros_like(w) for w in live.stack.weights])
    zeros = replace(zeros, biases=tuple(torch.zeros_like(b) for b in zeros.biases))
    return subject(zeros, live.seeds, np.array(live.masks), live.data.heldout)
