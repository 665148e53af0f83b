"""Recompute from weights and masks what a run has recorded, with nothing of the package."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fuzz import oracle
from tests.fuzz.folder import Folder
from tests.fuzz.formulas import Formula, formula
from tests.fuzz.ranges import check_range

Floats = NDArray[np.float64]
LARGEST = float(np.finfo(np.float32).max)


@dataclass
class Recomputed:
    """How much of a run was compared.

    Attributes:
        ran: the study was not refused.
        unsure: per comparison of one network's rate, the share of its pixels that could be of the other class.
        unknown: activations without a formula here.
    """

    ran: bool = False
    unsure: list[float] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def tight(self) -> int:
        """How many comparisons left out at most one pixel in a hundred."""
        return sum(share <= 0.01 for share in self.unsure)


def recompute(folder: Folder) -> Recomputed:
    """Check every accuracy and flip rate of every network and scheme, and every scale and zero point.

    Raises:
        AssertionError: one is another than the weights give.
    """
    done = Recomputed(ran=True)
    for name in folder.study["activations"]:
        known = formula(name)
        if known is None:
            done.unknown.append(name)
            continue
        with np.errstate(all="ignore"):
            _activation(folder, name, known, done)
    if not folder.study["quick"]:
        _other_tables(folder)
    return done


def _other_tables(folder: Folder) -> None:
    """Check that the tables beyond the schemes say the same of the study's own schemes as the metrics."""
    own = {key: folder.study[key] for key in ("placement", "observer", "weight_observer")}
    own["coordinates"] = folder.study["input_bits"] != "none"
    own |= {"granularity": "channel"}
    for table, key in (("cliff", {}), ("placement", own), ("sensitivity", {"view": "total"})):
        frame = folder.table(table)
        for column in key.keys() & frame.keys():
            frame = frame[frame[column] == key[column]]
        for (metric, scheme, name), rows in frame.groupby(["metric", "scheme", "activation"]):
            known = folder.values.get((metric, "simulated", scheme, name))
            if known is not None:
                told = rows.sort_values("seed")["value"].to_numpy()
                same = np.array_equal(told, known, equal_nan=True)
                assert same, f"{table}.parquet: {metric} of {name} at {scheme} is {told}, in metrics.parquet {known}"


def _activation(folder: Folder, name: str, known: Formula, done: Recomputed) -> None:
    arrays, points = folder.weights(name), oracle.plane(folder.study["grid"])
    broken = ~np.all([np.isfinite(a).reshape(len(a), -1).all(1) for a in arrays.values()], axis=0)
    before = oracle.maps(arrays, known, points, oracle.Setting(), {})
    beside = oracle.plane(folder.study["grid"], beside=True)
    floats = oracle.maps(arrays, known, beside, oracle.Setting(), {})
    plain = {"": _Decisions.of(before, folder.masks, broken)}
    plain |= {"heldout_": _Decisions.of(floats, folder.heldout_masks, broken)}
    for place, of in plain.items():
        of.same_accuracy(folder.simulated(f"{place}accuracy_float", "float", name), f"{place}{name}, float", done)
    more = {"placement": folder.study["placement"], "input_bits": folder.input_bits}
    more["no_clipping"] = folder.study["weight_observer"] == "no_clipping"
    for scheme in folder.schemes:
        how = oracle.setting(scheme, **more)
        rows = folder.plans[(folder.plans["activation"] == name) & (folder.plans["scheme"] == scheme)]
        static = _plan(folder, rows[rows["backend"] == "simulated"], arrays, before, how, broken)
        for backend in ("simulated", "torchao"):
            if backend == "torchao" and not (rows["backend"] == "torchao").any():
                continue
            way = oracle.setting(scheme, **more, loose=backend == "torchao")
            for place, inputs, masks in (("", points, folder.masks), ("heldout_", beside, folder.heldout_masks)):
                after = _Decisions.of(oracle.maps(arrays, known, inputs, way, static), masks, broken)
                right = folder.values[f"{place}accuracy_quantized", backend, scheme, name]
                what = f"{place}{name}, {scheme}, {backend}"
                if backend == "torchao":  # its integers of what is not finite may be any
                    after.lost &= np.isnan(right)
                    after.edge |= ~np.isfinite(right)
                after.same_accuracy(right, what, done)
                if not place:
                    plain[place].same_flips(after, folder.values["flip_rate", backend, scheme, name], what, done)
                drop = folder.simulated(f"{place}accuracy_float", "float", name) - right
                stated = folder.values[f"{place}accuracy_drop", backend, scheme, name]
                same = np.allclose(drop, stated, rtol=0, atol=1e-12, equal_nan=True)
                assert same, f"{what}: drop {stated}, not {drop}"
        real = rows[(rows["backend"] == "torchao") & rows["tensor"].str.endswith("weight")]
        wrong = [s for s, equal in zip(real["seed"], real["weights_equal"], strict=True) if not equal and not broken[s]]
        assert not wrong, f"{name}, {scheme}: torchao's weights are others at seeds {wrong}"


@dataclass
class _Decisions:
    """The classes of every network's pixels, [models, pixels].

    Attributes:
        island: the logit is above 0.
        right: as the target says.
        sure: it cannot be otherwise.
        lost: a parameter or a logit is not finite, [models]: nothing is known of such a network.
        edge: whether one is depends on the last bit, [models].
    """

    island: NDArray[np.bool_]
    right: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    edge: NDArray[np.bool_]

    @classmethod
    def of(cls, maps: dict[str, oracle.Values], masks: NDArray[np.bool_], broken: NDArray[np.bool_]) -> "_Decisions":
        logit, target = maps["logit"], masks.reshape(len(masks), 1, -1)
        island = logit.value > 0
        finite = np.isfinite(logit.value).all((1, 2))
        edge = np.zeros(len(masks), bool)
        for values in maps.values():
            near = (np.abs(values.value.astype(np.float64)) + values.apart > LARGEST) & np.isfinite(values.value)
            edge |= near.any((1, 2))
        flat = [part[:, 0] for part in (island, island == target, oracle.sure(logit))]
        return cls(*flat, broken | ~finite, edge & ~broken)

    def same_accuracy(self, values: Floats, what: str, done: Recomputed) -> None:
        """Check accuracies [models]."""
        _same(self.right, self.sure, self.lost, self.edge, values, f"{what}: accuracy", done)

    def same_flips(self, other: "_Decisions", values: Floats, what: str, done: Recomputed) -> None:
        """Check flip rates [models] between these networks and their quantized selves."""
        sure, lost, edge = self.sure & other.sure, self.lost | other.lost, self.edge | other.edge
        _same(self.island != other.island, sure, lost, edge, values, f"{what}: flip rate", done)


def _same(counted: Any, sure: Any, lost: Any, edge: Any, values: Floats, what: str, done: Recomputed) -> None:
    pixels = counted.shape[1]
    for model, value in enumerate(values):
        if edge[model] or (lost[model] and np.isnan(value)):
            continue
        count, unsure = int(counted[model].sum()), int((~sure[model]).sum())
        where = f"{what} of seed {model}"
        assert not lost[model], f"{where} is {value}; not every parameter and logit is finite, so it must be NaN"
        assert not np.isnan(value), f"{where} is NaN; every parameter and logit is finite ({count} of {pixels} pixels)"
        off = abs(value * pixels - count)
        assert off <= unsure + 1e-6, f"{where} is {value * pixels:g} of {pixels}, not {count}; {unsure} may be either"
        done.unsure.append(unsure / pixels if unsure > 1 else 0.0)


def _plan(
    folder: Folder, rows: Any, arrays: Any, before: dict[str, oracle.Values], how: oracle.Setting, broken: Any
) -> oracle.Static:
    """Check the scales and zero points of a scheme and return the static ones, as they are recorded."""
    static = {}
    for tensor, of_tensor in _tensors(rows):
        kind = tensor.rpartition(".")[2]
        wanted = _wanted(kind, how)
        assert wanted is not None, f"{rows['scheme'].iloc[0]} quantizes {tensor}"
        assert set(of_tensor["bits"]) == {wanted}, f"{tensor} has {set(of_tensor['bits'])} bits"
        if kind == "weight":
            _same_weight_scales(arrays[tensor], of_tensor, how, broken)
        elif how.dynamic:
            assert of_tensor["scale"].isna().all(), f"{tensor} has a fixed scale, though chosen per point"
        else:
            scale = of_tensor["scale"].to_numpy().astype(np.float32)
            zero = of_tensor["zero_point"].to_numpy().astype(np.int64)
            static[tensor] = scale, zero
            for model in range(folder.seeds):
                values = before[tensor]
                seen = oracle.Values(values.value[model], values.apart[model])
                where = f"{rows['activation'].iloc[0]}, {rows['scheme'].iloc[0]}, {tensor}, seed {model}"
                if np.isfinite(seen.value).all() and not broken[model]:
                    check_range(seen, scale[model], int(zero[model]), wanted, folder.study["observer"], where)
    expected = {name for name in before if _wanted(name.rpartition(".")[2], how) and name != "logit"}
    expected |= {name for name in arrays if name.endswith("weight") and how.weights}
    planned = {tensor for tensor, _ in _tensors(rows)}
    assert expected == planned, f"{how} should quantize {sorted(expected)}, and quantizes {sorted(planned)}"
    return static


def _tensors(rows: Any) -> Iterator[tuple[str, Any]]:
    for tensor, of_tensor in rows.groupby("tensor", sort=False):
        yield str(tensor), of_tensor.sort_values(["seed", "channel"])


def _wanted(kind: str, how: oracle.Setting) -> int | None:
    """Return the bits of one kind of tensor, None where it stays float."""
    placed = {"preactivation": how.placement != "post", "output": how.placement != "pre"}
    if kind == "inputs":
        return how.input_bits if how.input_bits and how.activations else None
    return how.weights if kind == "weight" else how.activations if placed.get(kind) else None


def _same_weight_scales(weights: oracle.Singles, rows: Any, how: oracle.Setting, broken: Any) -> None:
    assert how.weights is not None
    own = oracle.weight_scale(weights, how.weights, how.no_clipping)[:, :, 0].astype(np.float64)
    recorded = rows["scale"].to_numpy().reshape(own.shape)
    assert np.array_equal(own[~broken], recorded[~broken]), f"scales of weights {recorded}, not {own}"
    assert (rows["zero_point"] == 0).all(), "weights have a zero point"
