"""Small networks as the page has them, and what Python makes of the same ones: the oracle of every number."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.activations.catalogue import capped, parse_activation
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import accumulated
from quantstudy.quantize.plan import FloatMaps, Plan, build_plan, float_maps
from quantstudy.quantize.powers import with_powers_of_two
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.show.page.live.packed import packed, packed_bits, packed_ranges
from quantstudy.targets.islands import plane
from tests.page.live import inputs_of, network_of, repaired_of

ROOT = Path(__file__).resolve().parents[2]
JS = ROOT / "quantstudy" / "show" / "page" / "js"
HERE = Path(__file__).parent / "js"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """One network, quantized in one way; `index` is its place in the stack."""

    activation: str
    index: int
    scheme: str
    placement: str = "post"
    observer: str = "minmax"
    weight_observer: str = "symmetric"
    input_bits: int = 0
    input_rounding: str = "nearest"
    scales: str = "any"
    cap: str = "own"
    repaired: bool = False

    @property
    def how(self) -> dict[str, Any]:
        """What `build_plan` takes."""
        names = ("placement", "observer", "weight_observer", "input_bits", "input_rounding")
        return {name: getattr(self, name) for name in names}

    def in_page(self, peak: float) -> dict[str, Any]:
        """What `run_case.mjs` takes."""
        scheme = parse_scheme(self.scheme)
        weights, activations = (
            "float" if form is None else form.in_scheme for form in (scheme.weights, scheme.activations)
        )
        settings = {
            "weights": weights,
            "activations": "8dyn" if scheme.dynamic else activations,
            "inputBits": self.input_bits,
            "placement": self.placement,
            "observer": self.observer,
            "weightObserver": self.weight_observer,
            "inputRounding": self.input_rounding,
            "scales": self.scales,
        }
        names = ("activation", "index", "cap", "repaired")
        return {"settings": settings, "peak": peak, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class Case:
    """Networks of one shape, their points and labels, and the looks at them.

    Attributes:
        stacks: by the activation's name; all of as many models.
        inputs: [in, points].
        labels: [models, points] bool, or whole numbers of classes; or numbers [models, outputs, points].
        looks: what is quantized how.
        plane: (rows, columns), None where the points are no plane.
        trained: where ranges are taken from, bool [models, points]; None: everywhere.
        repaired: repaired networks by the activation's name; their plans have one scale per output and layer.
    """

    stacks: dict[str, Stack]
    inputs: Floats
    labels: NDArray[Any]
    looks: Sequence[Look]
    plane: tuple[int, int] | None = None
    trained: NDArray[np.bool_] | None = None
    repaired: dict[str, Quantized] = field(default_factory=dict)
    _maps: dict[tuple[str, str, bool], FloatMaps] = field(default_factory=dict, compare=False)

    def stack(self, look: Look) -> Stack:
        """The float networks that a look is at."""
        if look.repaired:
            return self.repaired[look.activation].stack
        return with_cap(self.stacks[look.activation], look.cap)

    def maps(self, look: Look) -> FloatMaps:
        """Their maps at all points."""
        key = look.activation, look.cap, look.repaired
        if key not in self._maps:
            self._maps[key] = float_maps(self.stack(look), torch.from_numpy(self.inputs))
        return self._maps[key]

    def plan(self, look: Look) -> Plan:
        """Python's plan of all models."""
        if look.repaired:
            return self.repaired[look.activation].plan
        maps = self.maps(look)
        if self.trained is not None:
            maps = maps.at(torch.from_numpy(np.stack([np.flatnonzero(row) for row in self.trained])))
        plan = build_plan(self.stack(look), maps, parse_scheme(look.scheme), **look.how)
        return with_powers_of_two(plan) if look.scales == "pow2" else plan

    def in_page(self) -> dict[str, Any]:
        """What `run_case.mjs` takes."""
        first = next(iter(self.stacks.values()))
        neurons = [first.inputs, *(int(w.shape[1]) for w in first.weights)]
        bits = self.labels.dtype == bool
        live = {
            "seeds": list(range(first.models)),
            "plane": self.plane,
            "neurons": neurons,
            "outputs": neurons[-1],
            "classes": self.labels.dtype.kind != "f",
            "networks": {name: network_of(stack) for name, stack in self.stacks.items()},
            "chosen": self._chosen(),
            "repaired": {name: repaired_of(networks) for name, networks in self.repaired.items()},
            "measured": {
                "inputs": inputs_of(self.inputs, self.plane),
                "labels": {
                    "kind": "bits" if bits else "floats",
                    "per_seed": True,
                    "values": packed_bits(self.labels) if bits else packed(self.labels.astype(np.float32)),
                },
            },
            "trained": None if self.trained is None else packed_bits(self.trained),
        }
        return {"live": live, "looks": [look.in_page(self.peak) for look in self.looks]}

    @property
    def peak(self) -> float:
        """The range of labels that are numbers, the same for all models."""
        return float(np.ptp(self.labels)) if self.labels.dtype.kind == "f" else 0.0

    def _chosen(self) -> dict[str, Any]:
        """The ranges of percentile and mse at 4 and 8 bits, as far as looks ask for them."""
        found: dict[str, Any] = {}
        for name, observer in {(look.activation, look.observer) for look in self.looks}:
            if observer in ("percentile", "mse"):
                found.setdefault(name, {})[observer] = {
                    str(bits): self._ranges(Look(name, 0, f"a{bits}", "both", observer)) for bits in (4, 8)
                }
        return found

    def _ranges(self, look: Look) -> dict[str, Any]:
        plan = self.plan(look)

        return {
            place: packed_ranges(*([getattr(q, part).numpy() for q in quantizers] for part in ("scale", "zero_point")))
            for place, quantizers in (("pre", plan.preactivations), ("post", plan.outputs))
        }


def with_cap(stack: Stack, cap: str) -> Stack:
    """The stack with another upper bound of its activation: `own`, `none`, or a number."""
    if cap == "own":
        return stack
    uncapped = parse_activation(str(stack.activation.kernel))
    return stack.with_activation(uncapped if cap == "none" else capped(uncapped, float(cap)))


def random_stack(name: str, neurons: Sequence[int], models: int, seed: int, size: float = 1.0) -> Stack:
    """Networks with He-normal weights times `size`, biases, and slopes of both signs."""
    rng, function = np.random.default_rng([seed, len(name)]), parse_activation(name)

    def drawn(*shape: int, deviation: float) -> torch.Tensor:
        return torch.from_numpy(rng.normal(0, deviation, shape).astype(np.float32))

    pairs = list(zip(neurons[1:], neurons[:-1], strict=True))
    return Stack(
        function,
        tuple(drawn(models, out, below, deviation=size * (2 / below) ** 0.5) for out, below in pairs),
        tuple(drawn(models, out, 1, deviation=size / 3) for out, _ in pairs),
        tuple(drawn(models, out, 1, deviation=0.5) if function.learned_slope else None for out in neurons[1:-1]),
    )


def on_plane(
    activations: Sequence[str], looks: Sequence[Look], *, side: int = 12, hidden: Sequence[int] = (8, 8, 8),
    models: int = 2, seed: int = 0, size: float = 1.5,
) -> Case:  # fmt: skip
    """Random networks over a plane, both classes about alike."""
    points = plane(side)
    stacks = {}
    for name in activations:
        stack = random_stack(name, (2, *hidden, 1), models, seed, size)
        middle = float_maps(stack, torch.from_numpy(points)).logit.median(dim=2, keepdim=True).values
        stacks[name] = replace(stack, biases=(*stack.biases[:-1], stack.biases[-1] - middle))
    labels = np.random.default_rng(seed).random((models, side * side)) > 0.5
    return Case(stacks, points, labels, looks, (side, side))


Arrays = dict[str, Floats]


def by_python(case: Case, number: int, quantized: dict[Any, Any]) -> tuple[Arrays, Arrays]:
    """What Python makes of one of the looks of a case: its float maps, and codes and maps of the quantized network.

    Args:
        case: the networks.
        number: of the look.
        quantized: keeps plans and maps of whole stacks, as looks at several models share them.
    """
    look = case.looks[number]
    stack, maps, key = case.stack(look), case.maps(look), (id(case), replace(look, index=0))
    if key not in quantized:
        plan = case.plan(look)
        quantized[key] = plan, accumulated(stack, plan, torch.from_numpy(case.inputs))
    plan, after = quantized[key]
    pairs = enumerate(zip(plan.weights, stack.weights, strict=True))
    codes = {f"codes {k}": q.codes(w) for k, (q, w) in pairs if q is not None}
    before = {"logit": maps.logit, **_named("post", maps.outputs)}
    after = {**codes, **_named("pre", after.preactivations), **_named("post", after.outputs), "logit": after.logit}
    return tuple({name: values[look.index].numpy() for name, values in of.items()} for of in (before, after))  # type: ignore[return-value]


def _named(name: str, layers: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{name} {layer}": values for layer, values in enumerate(layers)}


def by_page(cases: Sequence[Case], folder: Path, js: Path = JS) -> tuple[Floats, list[list[dict[str, Any] | None]]]:
    """What the page's code in `js` makes of all looks of some cases, in one process of node.

    Returns:
        all arrays one after the other, and what is told of each look, None where it is not offered.
    """
    asked, arrays = folder / "cases.json", folder / "arrays.bin"
    asked.write_text(json.dumps([case.in_page() for case in cases]), encoding="utf-8")
    told = json.loads(node(str(HERE / "run_case.mjs"), str(js), str(asked), str(arrays)))
    return np.fromfile(arrays, np.float32), told


def node(*arguments: str) -> str:
    """Run node and return what it printed; anything on stderr is a failure."""
    ran = subprocess.run(["node", *arguments], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    return ran.stdout


def same_bits(one: Floats, two: Floats) -> bool:
    """Whether two float32 arrays are the same to the last bit; every NaN is the same, 0 and −0 are not."""
    return bool(np.array_equal(bits_of(one), bits_of(two)))


def bits_of(values: Floats) -> NDArray[np.int32]:
    """The bits of float32 numbers, every NaN with the same ones."""
    return np.where(np.isnan(values), np.float32(np.nan), values).astype(np.float32).ravel().view(np.int32)


def differences(cases: Sequence[Case], found: Floats) -> Iterator[str]:
    """Name every array of every look in which page and Python differ, and what is left over."""
    at, kept = 0, {}
    for case in cases:
        for number, look in enumerate(case.looks):
            for name, expected in by_python(case, number, kept)[1].items():
                part = found[at : at + expected.size]
                at += expected.size
                if not same_bits(part, expected.astype(np.float32)):
                    wrong = np.flatnonzero(bits_of(part) != bits_of(expected)) if part.size == expected.size else ()
                    yield f"{look}: {name}, {len(wrong)} of {expected.size}"
    if at != found.size:
        yield f"{found.size - at} numbers more"
