"""What the analyses look at: the float stack and its maps, and what one scheme did to it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.drift.arrays import Floats
from quantstudy.drift.contours import Contours, contours, crease_measures
from quantstudy.drift.folds import FloatFolds, float_folds
from quantstudy.measure.answers import TWO_CLASSES, Answers, Wanted, answers_of, wanted
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import QuantizedMaps, quantized_logits
from quantstudy.quantize.plan import FloatMaps, Plan, float_maps, points_of
from quantstudy.quantize.torchao_backend import RealResult
from quantstudy.targets.islands import heldout_masks, heldout_plane, plane
from quantstudy.targets.target import Data, Examples

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Heldout:
    """Points that the networks are neither trained on nor calibrated with.

    Attributes:
        points: inputs [in, points], or [models, in, points] where each network has its own.
        asked: what they should answer there.
        plane: (rows, columns) of the points, None where they are no plane.
    """

    points: Tensor
    asked: Wanted
    plane: tuple[int, int] | None


@dataclass(frozen=True)
class Subject:
    """The float stack that is measured, with everything that does not depend on a scheme, found once and kept.

    Attributes:
        seeds: the models' seeds.
        stack: the float networks.
        data: what they have learnt.
        maps: their maps over the measured points.
        whole: every parameter is finite, [seeds]; what other networks answer has no meaning, whatever comes out.
        heldout: points beside the measured ones, None where nothing is measured there.
    """

    seeds: Sequence[int]
    stack: Stack
    data: Data
    maps: FloatMaps
    whole: NDArray[np.bool_]
    heldout: Heldout | None = None
    _kept: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def activation(self) -> str:
        """Canonical name of the stack's activation."""
        return self.stack.activation.name

    @property
    def plane(self) -> tuple[int, int] | None:
        """(rows, columns) of the measured points, None where they are no plane."""
        return self.data.plane

    @cached_property
    def answers(self) -> Answers:
        """The kind of answers that are asked for."""
        return answers_of(self.data)

    @cached_property
    def asked(self) -> Wanted:
        """What should come out at the measured points."""
        return wanted(self.data, self.data.measured, self.plane)

    @property
    def masks(self) -> NDArray[np.bool_]:
        """What two classes should be, [seeds, rows, columns]."""
        return self.asked.labels

    def on_plane(self, tensor: Tensor) -> Maps:
        """Return [models, neurons, points] as maps [models, neurons, rows, columns]; without a plane of one row."""
        return tensor.cpu().numpy().reshape(*tensor.shape[:2], *(self.plane or (1, tensor.shape[2])))

    @cached_property
    def calibration(self) -> FloatMaps:
        """The float maps over the points that the networks were trained on: what ranges are taken from."""
        return self.calibration_of(self.maps)

    def calibration_of(self, maps: FloatMaps) -> FloatMaps:
        """Return other networks' float maps over the points that these were trained on."""
        if self.data.trained is None:
            return maps
        # a copy, since cached arrays can't be written to, which torch warns of
        return maps.at(torch.tensor(self.data.trained, dtype=torch.int64, device=maps.logit.device))

    @cached_property
    def float_logits(self) -> Any:
        """The float answers, to compare quantized ones with."""
        return self.answers.reference(self.logit(self.maps.logit), self.asked)

    @property
    def score(self) -> Floats:
        """How good the float networks are where they are measured, [models]."""
        return self.answers.score_of(self.float_logits)

    @cached_property
    def heldout_score(self) -> Floats:
        """How good the float networks are at the held-out points, [models]; NaN if there are none."""
        return self.heldout_score_of(self.stack)

    def heldout_score_of(self, stack: Stack) -> Floats:
        """Return how good other float networks are at the held-out points, [models]; NaN if there are none."""
        if self.heldout is None:
            return np.full(len(self.seeds), np.nan)
        found = float_maps(stack, self.heldout.points).logit
        return self.answers.score(self._answers(found, self.heldout.plane), self.heldout.asked)

    def heldout_logits(self, plans: Sequence[Plan], stack: Stack | None = None) -> list[Maps]:
        """Return the answers at the held-out points by each of several plans; none without points.

        Args:
            plans: of one and the same stack.
            stack: that stack, if it is another one than the subject's.
        """
        if self.heldout is None:
            return []
        found = quantized_logits(stack or self.stack, plans, self.heldout.points)
        return [self.heldout_answers(logit) for logit in found]

    def heldout_answers(self, logit: Tensor) -> Maps:
        """Return what the last layer gives at the held-out points as answers, see `logit`."""
        return self._answers(logit, None if self.heldout is None else self.heldout.plane)

    def heldout_measures(self, answers: Maps) -> dict[str, Floats]:
        """Return how good quantized answers at the held-out points are, and how much is lost.

        Raises:
            ValueError: there are no held-out points.
        """
        if self.heldout is None:
            raise ValueError("heldout: there are no held-out points")
        kind, after = self.answers, self.answers.score(answers, self.heldout.asked)
        return {kind.ranked.quantized: after, kind.ranked.drop: kind.loss(self.heldout_score, after)}

    def folds(self, layer: int) -> FloatFolds:
        """Return the float folds of a layer, to compare quantized ones with."""
        return cast(
            FloatFolds, self._once(("folds", layer), lambda: float_folds(self.on_plane(self.maps.outputs[layer])))
        )

    def creases(self, layer: int) -> Contours:
        """Return the float creases of a layer: where its pre-activations cross the bends of the activation."""
        found = self._once(("creases", layer), lambda: self._creases(self.maps.preactivations[layer]))
        return cast(Contours, found)

    def crease_measures(self, layer: int, quantized: Tensor, depends_on: Hashable) -> dict[str, Any]:
        """Return how far a layer's creases move.

        Args:
            layer: which.
            quantized: its pre-activations in the quantized networks, [models, neurons, points].
            depends_on: everything that these depend on: schemes share many of them, and each is measured once.
        """
        key = ("displacements", layer, depends_on)
        found = self._once(key, lambda: crease_measures(self.creases(layer), self._creases(quantized)))
        return cast("dict[str, Any]", found)

    def _creases(self, preactivations: Tensor) -> Contours:
        return contours(self.on_plane(preactivations), self.stack.activation.bends)

    def _once(self, key: tuple[Any, ...], find: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = find()
        return self._kept[key]

    def logit(self, tensor: Tensor) -> Maps:
        """Return what the last layer gives, [models, outputs, points], as answers: NaN for networks not `whole`.

        For two classes [models, rows, columns], else [models, outputs, points].
        """
        return self._answers(tensor, self.plane)

    def _answers(self, tensor: Tensor, plane: tuple[int, int] | None) -> Maps:
        found = tensor.cpu().numpy()
        if self.answers is TWO_CLASSES:
            found = found.reshape(len(found), *(plane or (1, found.shape[2])))
        return found if self.whole.all() else np.where(self.whole[:, None, None], found, np.float32(np.nan))


@dataclass(frozen=True)
class Effect:
    """What one scheme did to the subject: its plan and what each backend gave.

    Attributes:
        plan: the resolved quantization.
        isolated: simulated maps, one layer quantized at a time.
        accumulated: simulated maps, the whole network quantized.
        real: what torchao gave, None where it has no such scheme.
        heldout: backend → answers at the held-out points; empty without such points.
    """

    plan: Plan
    isolated: QuantizedMaps
    accumulated: QuantizedMaps
    real: RealResult | None
    heldout: Mapping[str, Maps]

    @property
    def scheme(self) -> str:
        """The scheme as it prints."""
        return str(self.plan.scheme)


def measured(stack: Stack, seeds: Sequence[int], data: Data, *, heldout: bool = True) -> Subject:
    """Return the subject of a trained stack, its float maps evaluated over the measured points.

    Args:
        stack: the networks.
        seeds: theirs.
        data: of these seeds.
        heldout: measure at the held-out points, too.
    """
    device = stack.weights[0].device
    parameters = (part.reshape(len(part), -1).isfinite().all(dim=1) for part in stack.parameters())
    whole = torch.stack(list(parameters)).all(dim=0).cpu().numpy()
    beside = None
    if heldout:
        # the held-out lattice of a plane is one, too; a part of its pixels is not
        shape = data.plane if data.trained is None else None
        asked = wanted(data, data.heldout, shape)
        beside = Heldout(points_of(data.heldout.inputs).to(device), asked, shape)
    maps = float_maps(stack, points_of(data.measured.inputs).to(device))
    return Subject(seeds, stack, data, maps, whole, beside)


def subject(stack: Stack, seeds: Sequence[int], masks: NDArray[np.bool_], heldout: Examples | None = None) -> Subject:
    """Return the subject of networks that have learnt masks over the plane's pixels, see `measured`.

    Args:
        stack: the networks.
        seeds: theirs.
        masks: [seeds, grid, grid].
        heldout: `heldout_islands` or None.
    """
    points = Examples(plane(masks.shape[1])[None], masks.reshape(len(masks), -1))
    data = Data(points, heldout or points, 1, plane=masks.shape[1:], classes=("sea", "island"))
    return measured(stack, seeds, data, heldout=heldout is not None)


def heldout_islands(seeds: Sequence[int], grid: int, frequency: float) -> Examples:
    """Return the held-out points of the islands: the plane's lattice shifted by half a pixel."""
    masks = heldout_masks(seeds, grid, frequency)
    return Examples(heldout_plane(grid)[None], masks.reshape(len(masks), -1))
