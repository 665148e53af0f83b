"""What the analyses look at: the float stack on its plane, and what one scheme did to it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.drift.contours import Contours, contours, crease_measures
from quantstudy.drift.decision import FloatLogits, accuracy, float_logits
from quantstudy.drift.folds import FloatFolds, float_folds
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import QuantizedMaps, quantized_logits
from quantstudy.quantize.plan import FloatMaps, Plan, float_maps
from quantstudy.quantize.torchao_backend import RealResult
from quantstudy.targets.islands import heldout_masks, heldout_plane, plane

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Heldout:
    """Points that the networks are neither trained on nor calibrated with.

    Attributes:
        points: inputs [2, points].
        target: what they should decide there, [seeds, grid, grid].
    """

    points: Tensor
    target: NDArray[np.bool_]


def heldout_islands(seeds: Sequence[int], grid: int, frequency: float, device: str = "cpu") -> Heldout:
    """Return the held-out points of the islands: the plane's lattice shifted by half a pixel."""
    return Heldout(torch.from_numpy(heldout_plane(grid)).to(device), heldout_masks(seeds, grid, frequency))


@dataclass(frozen=True)
class Subject:
    """The float stack that is measured, with everything that does not depend on a scheme, found once and kept.

    Attributes:
        seeds: the models' seeds.
        masks: targets [seeds, grid, grid].
        stack: the float networks.
        maps: their maps over the plane.
        whole: every parameter is finite, [seeds]; what other networks decide has no meaning, whatever comes out.
        heldout: points beside those of the plane, None where nothing is measured there.
    """

    seeds: Sequence[int]
    masks: NDArray[np.bool_]
    stack: Stack
    maps: FloatMaps
    whole: NDArray[np.bool_]
    heldout: Heldout | None = None
    _kept: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def activation(self) -> str:
        """Canonical name of the stack's activation."""
        return self.stack.activation.name

    def on_plane(self, tensor: Tensor) -> Maps:
        """Return [models, neurons, points] as maps [models, neurons, grid, grid]."""
        return tensor.cpu().numpy().reshape(*tensor.shape[:2], *self.masks.shape[1:])

    @cached_property
    def float_logits(self) -> FloatLogits:
        """The float logits and their target, to compare quantized ones with."""
        return float_logits(self.logit(self.maps.logit), self.masks)

    @cached_property
    def heldout_accuracy(self) -> NDArray[np.float64]:
        """Accuracy of the float networks at the held-out points, [models]; NaN if there are none."""
        return self.heldout_accuracy_of(self.stack)

    def heldout_accuracy_of(self, stack: Stack) -> NDArray[np.float64]:
        """Return the accuracy of other float networks at the held-out points, [models]; NaN if there are none."""
        if self.heldout is None:
            return np.full(len(self.seeds), np.nan)
        return accuracy(self.logit(float_maps(stack, self.heldout.points).logit), self.heldout.target)

    def heldout_logits(self, plans: Sequence[Plan], stack: Stack | None = None) -> list[Maps]:
        """Return the logits [models, grid, grid] at the held-out points by each of several plans; none without points.

        Args:
            plans: of one and the same stack.
            stack: that stack, if it is another one than the subject's.
        """
        if self.heldout is None:
            return []
        return [self.logit(logit) for logit in quantized_logits(stack or self.stack, plans, self.heldout.points)]

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
        """Return [models, 1, points] as maps [models, grid, grid], NaN for the networks that are not `whole`."""
        maps = self.on_plane(tensor)[:, 0]
        return maps if self.whole.all() else np.where(self.whole[:, None, None], maps, np.float32(np.nan))


@dataclass(frozen=True)
class Effect:
    """What one scheme did to the subject: its plan and what each backend gave.

    Attributes:
        plan: the resolved quantization.
        isolated: simulated maps, one layer quantized at a time.
        accumulated: simulated maps, the whole network quantized.
        real: what torchao gave, None where it has no such scheme.
        heldout: backend → logits [models, grid, grid] at the held-out points; empty without such points.
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


def subject(stack: Stack, seeds: Sequence[int], masks: NDArray[np.bool_], heldout: Heldout | None = None) -> Subject:
    """Return the subject of a trained stack, its float maps evaluated over the masks' plane."""
    points = torch.from_numpy(plane(masks.shape[1])).to(stack.weights[0].device)
    parameters = (part.reshape(len(part), -1).isfinite().all(dim=1) for part in stack.parameters())
    whole = torch.stack(list(parameters)).all(dim=0).cpu().numpy()
    return Subject(seeds, masks, stack, float_maps(stack, points), whole, heldout)
