"""What of a run the page can quantize itself: as much as fits, and a sentence for everything that is left out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import numpy as safetensors

from quantstudy.errors import BadInput
from quantstudy.records.folders import repaired_file, weights_file
from quantstudy.records.origins import require_same_data
from quantstudy.show.page.live import networks
from quantstudy.show.page.live.packed import Arrays, layers_of, packed_networks, text_of
from quantstudy.show.page.live.points import bytes_a_seed, bytes_of_inputs, points_of
from quantstudy.targets.target import Data
from quantstudy.words import page_left_out as words

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig
    from quantstudy.records.run import Run

MOST_TEXT = 1_200_000
"""Characters that networks and data may take: of 2 MB for a page that can be sent to someone."""

MOST_WORK = 60_000_000
"""Multiplications of a network at all points up to which the page computes it; it takes some 3 ns for each."""

Live = dict[str, Any]


def live_of_run(run: "Run", verdict: Mapping[str, Any]) -> tuple[Live | None, list[str]]:
    """Return what the page needs of a finished run to quantize its networks, and what is left out, in sentences.

    None where it can't compute any: networks without a plane or a line, none with a kernel, none that fits.
    """
    try:
        require_same_data(run)
    except BadInput:
        return None, [words.no_data(run.config.target)]
    arrays = {}
    for name in run.config.activations:
        path = run.folder / weights_file(name)
        if path.is_file():
            arrays[name] = safetensors.load(path.read_bytes())
    shown = run.maps().get(f"{run.config.activations[0]}/seed") if (run.folder / "maps.npz").is_file() else None
    live, left_out = live_of(run.config, arrays, first=0 if shown is None else int(shown))
    if live is not None:
        seeds, names = live["seeds"], list(live["networks"])
        left_out += _add_ranges(live, run, names, seeds)
        live["repaired"] = {}
        for name, (scheme, recipe) in networks.repairs_of(run, verdict, names).items():
            path = run.folder / repaired_file(name, scheme, recipe)
            arrays_of_all = safetensors.load(path.read_bytes())
            found = networks.repaired_of(networks.of_seeds(arrays_of_all, seeds), scheme, recipe)
            live["repaired"] |= {} if found is None else {name: found}
        left_out += [words.no_repairs()] if verdict.get("recover") and not live["repaired"] else []
    return live, left_out


def live_of(config: "StudyConfig", arrays: Mapping[str, Arrays], first: int = 0) -> tuple[Live | None, list[str]]:
    """Return the networks and the data of a study, see `live_of_run`.

    Args:
        config: the study.
        arrays: activation → what its networks have learnt, as far as they are trained, of seeds from 0 on.
        first: a seed that is shown first, and kept where not all fit.
    """
    usable = {name: one for name in arrays if (one := networks.with_kernel(name)) is not None}
    left_out = [words.no_kernel([name for name in arrays if name not in usable])] if len(usable) < len(arrays) else []
    trained = min((len(arrays[name]["layers.0.bias"]) for name in usable), default=0)
    data = _data_to_draw(config, trained)
    if isinstance(data, str):
        return None, [*left_out, data]
    if not usable:
        return None, left_out
    work = _multiplications(arrays[next(iter(usable))]) * data.measured.inputs.shape[2]
    if work > MOST_WORK:
        return None, [*left_out, words.too_much_work(work, MOST_WORK)]
    seeds, sentence = _seeds_that_fit(arrays, list(usable), data, trained, first)
    if not seeds:
        return None, [*left_out, *sentence]
    data = config.entry.make(seeds, grid=config.grid, frequency=config.frequency)
    live = {
        **points_of(data),
        "seeds": seeds,
        "first": first if first in seeds else seeds[0],
        "classes": config.task == "classes",
        "neurons": [int(data.measured.inputs.shape[1]), *config.hidden, data.outputs],
        "networks": {
            name: networks.network_of(one, networks.of_seeds(arrays[name], seeds)) for name, one in usable.items()
        },
        "chosen": {},
        "repaired": {},
    }
    return live, [*left_out, *sentence]


def _data_to_draw(config: "StudyConfig", seeds: int) -> Data | str:
    """Return the data of the first seeds, or why there are none to draw."""
    if not (config.has_plane or config.has_curve):
        return words.no_plane()
    try:
        data = config.entry.make(range(max(seeds, 1)), grid=config.grid, frequency=config.frequency)
    except BadInput:  # a user's file that was there when the study was run
        return words.no_data(config.target)
    return words.many_classes() if data.outputs > 1 and config.task == "classes" else data


def _seeds_that_fit(
    arrays: Mapping[str, Arrays], names: Sequence[str], data: Data, trained: int, first: int
) -> tuple[list[int], list[str]]:
    """Return the seeds whose networks and labels fit: from 0 on, and the one that is shown first."""
    each = sum(len(packed_networks(networks.of_seeds(arrays[name], [0]))) for name in names)
    each += len(names) * text_of(4 * 2 * 8 * layers_of(arrays[names[0]])) + bytes_a_seed(data)
    fit = min(trained, max(0, MOST_TEXT - bytes_of_inputs(data)) // each)
    if fit == trained:
        return list(range(trained)), []
    if fit == 0:
        return [], [words.too_wide(each + bytes_of_inputs(data), MOST_TEXT)]
    seeds = list(range(fit)) if first < fit else [*range(fit - 1), first]
    return seeds, [words.fewer_seeds(fit, trained, MOST_TEXT)]


def _multiplications(arrays: Arrays) -> int:
    widths = [arrays[f"layers.{layer}.weight"].shape[1:] for layer in range(layers_of(arrays))]
    return int(sum(np.prod(shape) for shape in widths))


def _add_ranges(live: Live, run: "Run", names: Sequence[str], seeds: Sequence[int]) -> list[str]:
    table = run.ranges()
    if table is None:
        return [words.no_ranges(run.config.quick)]
    hidden = len(live["neurons"]) - 2
    for name in names:
        own = table[(table["activation"] == name) & table["seed"].isin(seeds)]
        live["chosen"][name] = networks.chosen_ranges(own, hidden, seeds)
    return []
