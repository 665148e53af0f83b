"""What networks answer: the best constant answer, scores on halves, the range of labels, and what figures draw."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.worker import quantize
from quantstudy.measure.answers import MORE_CLASSES, NUMBERS, TWO_CLASSES, Wanted, answers_of, in_halves
from quantstudy.measure.answers import trivial_score as trivial
from quantstudy.measure.evaluation import measured
from quantstudy.measure.maps import pictures
from quantstudy.networks.stack import initial_stack
from quantstudy.targets.target import Data, Examples

TRAINED = np.array([[0, 1, 2], [1, 2, 3]], np.int32)


def made(labels, heldout, outputs: int = 1, **more) -> Data:
    labels, heldout = np.asarray(labels), np.asarray(heldout)
    inputs, beside = (np.zeros((1, 2, part.shape[-1]), np.float32) for part in (labels, heldout))
    return Data(Examples(inputs, labels), Examples(beside, heldout), outputs, **more)


def test_the_best_constant_answer_is_the_class_that_occurs_most_often_where_it_is_trained():
    two = made([[True, True, False, False]] * 2, [[True, True, True, False]] * 2, trained=TRAINED)
    assert trivial(two).tolist() == [0.75, 0.25]  # of the three that each is trained on two are True, then False
    three = made(np.array([[2, 2, 1, 0], [0, 1, 1, 2]]), np.array([[2, 0, 2, 1], [1, 1, 1, 0]]), outputs=3)
    assert trivial(three).tolist() == [0.5, 0.75]
    tie = made(np.array([[2, 1, 2, 1]]), np.array([[1, 1, 2]]), outputs=3)
    assert trivial(tie).tolist() == [pytest.approx(2 / 3)]  # of equals the first


def test_of_numbers_it_is_the_mean_of_each_output():
    labels = np.array([[[0.0, 4.0, 2.0], [1.0, 1.0, 1.0]]], np.float32)
    heldout = np.array([[[3.0, 1.0], [1.0, 2.0]]], np.float32)
    squared = (1 + 1 + 0 + 1) / 4
    assert trivial(made(labels, heldout, outputs=2))[0] == pytest.approx(20 * math.log10(4 / math.sqrt(squared)))
    known = made(labels, heldout, outputs=2, ends=(-5.0, 5.0))
    assert trivial(known)[0] == pytest.approx(20 * math.log10(10 / math.sqrt(squared)))


def test_the_range_is_that_of_the_labels_trained_on_unless_it_is_known():
    labels = np.array([[[0.0, 4.0, 2.0, 9.0]]] * 2, np.float32)
    data = made(labels, labels, trained=TRAINED)
    assert data.peak.tolist() == [4.0, 7.0]
    assert replace(data, ends=(-1.0, 1.0)).peak.tolist() == [2.0, 2.0]


def test_halves_are_every_other_point_and_the_first_is_even():
    nothing = np.full(1, np.nan)
    logits = np.array([[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    found = in_halves(MORE_CLASSES, logits, Wanted(np.array([[0, 1, 2, 2]]), nothing))
    assert {name.rpartition("_")[2]: value.tolist() for name, value in found.items()} == {"even": [0.5], "odd": [0.5]}
    found = in_halves(MORE_CLASSES, logits, Wanted(np.array([[0, 2, 1, 2]]), nothing))
    assert [value.tolist() for value in found.values()] == [[1.0], [0.0]]
    outputs, labels = np.array([[[1.0, 2.0, 1.0, 2.0]]]), np.zeros((1, 1, 4))
    even, odd = in_halves(NUMBERS, outputs, Wanted(labels, np.full(1, 2.0))).values()
    assert (even[0], odd[0]) == (pytest.approx(20 * math.log10(2)), pytest.approx(0.0))
    board = np.array([[[1.0, -1.0], [-1.0, 1.0]]])  # of a plane, as on a checkerboard
    found = in_halves(TWO_CLASSES, board, Wanted(np.ones((1, 2, 2), bool), nothing))
    assert [value.tolist() for value in found.values()] == [[1.0], [0.0]]
    alone = in_halves(MORE_CLASSES, logits[:, :, :1], Wanted(np.array([[0]]), nothing))
    assert alone["heldout_accuracy_quantized_even"].tolist() == [1.0]
    assert np.isnan(alone["heldout_accuracy_quantized_odd"]).all()  # there is no such point


def test_kinds_of_answers():
    assert answers_of(made([[True]], [[True]])) is TWO_CLASSES
    assert answers_of(made([[1]], [[1]], outputs=3)) is MORE_CLASSES
    assert answers_of(made([[[0.5]]], [[[0.5]]])) is NUMBERS


@pytest.mark.parametrize("target", ["texture", "sine"])
def test_a_picture_lies_in_0_to_1_and_a_curve_in_the_unit_of_its_labels(target):
    study = StudyConfig(target=target, activations=("relu",), grid=12, hidden=(5, 4))
    data = study.entry.make([3], grid=12, frequency=1.0)
    start = initial_stack(parse_activation("relu"), [3], study.hidden, data.measured.inputs.shape[1], data.outputs)
    with torch.no_grad():
        on = measured(start, [3], data, heldout=False)
        scheme = study.all_schemes[2]
        arrays = pictures(on, [quantize(on, study, scheme, with_torchao=False)], folds_of=str(scheme))
        outputs = on.maps.logit[0].numpy()
    labels, drawn = data.measured.labels[0], arrays["relu/float/output"]
    if target == "texture":
        assert drawn.shape == (12, 12, 3)
        np.testing.assert_allclose(arrays["relu/target"].reshape(-1, 3).T, (labels + 1) / 2, atol=1e-6)
        np.testing.assert_allclose(drawn.reshape(-1, 3).T, (outputs + 1) / 2, atol=1e-6)
        assert "relu/x" not in arrays
    else:
        assert drawn.shape == (1, 512, 1)
        np.testing.assert_array_equal(arrays["relu/target"][0].T, labels)
        np.testing.assert_array_equal(drawn[0].T, outputs)
        np.testing.assert_array_equal(np.ravel(arrays["relu/x"]), data.measured.inputs[0, 0])
    assert arrays["relu/w4a4/output"].shape == drawn.shape
