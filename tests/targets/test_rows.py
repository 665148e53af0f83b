import math
from statistics import fmean, pstdev

import numpy as np
import pytest

from quantstudy.targets.rows import Rows, data_of, spread
from quantstudy.targets.splits import three_tenths


def made(rows=20, classes=("a", "b"), **more):
    draws = np.random.Generator(np.random.PCG64(1))
    inputs = draws.normal(size=(rows, 3)) * [1, 1e-9, 1e9] + [0, 5, -3]
    labels = np.arange(rows, dtype=np.int32) % len(classes) if classes else draws.normal(size=(rows, 2)) * 100
    return Rows(inputs, ("u", "v", "w"), labels, classes, **more)


def test_inputs_are_standardized_by_the_rows_that_are_trained_on():
    rows = made()
    data = data_of(rows, [4, 7])
    trained, heldout = three_tenths([4, 7], rows.labels)
    assert data.training.inputs.shape == (2, 3, 14)
    assert data.heldout.inputs.shape == (2, 3, 6)
    for seed in (0, 1):
        for column in range(3):
            mean = fmean(rows.inputs[trained[seed], column])
            scale = pstdev(rows.inputs[trained[seed], column], mean)
            assert data.shift[seed, column] == pytest.approx(mean, rel=1e-12)
            assert data.scale[seed, column] == pytest.approx(scale, rel=1e-6)
            held = (rows.inputs[heldout[seed], column] - mean) / scale
            np.testing.assert_allclose(data.heldout.inputs[seed, column], held, rtol=1e-4, atol=1e-5)
        assert np.array_equal(data.training.labels[seed], rows.labels[trained[seed]] == 1)
        assert np.array_equal(data.heldout.labels[seed], rows.labels[heldout[seed]] == 1)
    np.testing.assert_allclose(data.training.inputs.mean(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(data.training.inputs.std(axis=2), 1, rtol=1e-5)


def test_two_classes_have_one_output_and_more_have_theirs():
    two, three = data_of(made(), [0]), data_of(made(21, ("a", "b", "c")), [0])
    assert (two.outputs, two.measured.labels.dtype, two.classes) == (1, np.bool_, ("a", "b"))
    assert (three.outputs, three.measured.labels.dtype, three.classes) == (3, np.int32, ("a", "b", "c"))
    assert three.plane is None
    assert three.trained.shape == (1, 15)
    assert three.measured.inputs.shape == (1, 3, 21)
    assert three.inputs == ("u", "v", "w")
    assert np.bincount(three.heldout.labels[0]).tolist() == [2, 2, 2]


def test_numbers_are_standardized_too_whatever_their_unit():
    rows = made(classes=())
    metres = data_of(rows, [0])
    millimetres = data_of(Rows(rows.inputs, rows.names, rows.labels * 1024), [0])
    assert metres.outputs == 2
    assert metres.training.labels.dtype == np.float32
    assert metres.training.labels.shape == (1, 2, 14)
    assert np.array_equal(metres.heldout.labels, millimetres.heldout.labels)
    again = metres.measured.labels[0] * metres.label_scale[0][:, None] + metres.label_shift[0][:, None]
    np.testing.assert_allclose(again.T, rows.labels, rtol=1e-5, atol=1e-4)
    assert np.array_equal(millimetres.label_scale, 1024 * metres.label_scale)
    np.testing.assert_allclose(metres.training.labels.mean(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(metres.training.labels.std(axis=2), 1, rtol=1e-5)


def test_a_unit_is_what_inputs_are_divided_by_and_nothing_else():
    rows = made(unit=16.0)
    data = data_of(rows, [4])
    trained, _ = three_tenths([4], rows.labels)
    assert np.array_equal(data.training.inputs[0], (rows.inputs[trained[0]].T / 16).astype(np.float32))
    assert data.shift.tolist() == [[0, 0, 0]]
    assert data.scale.tolist() == [[16, 16, 16]]


def test_a_column_that_is_constant_where_it_is_trained_on_is_shifted_only():
    values = np.array([[0.1], [0.1], [0.1], [7.0]])
    shift, scale = spread(values, np.array([[0, 1, 2], [1, 2, 3]], np.int32))
    assert (shift[0, 0], scale[0, 0]) == (0.1, 1.0)
    assert scale[1, 0] == pytest.approx(pstdev([0.1, 0.1, 7.0]))


@pytest.mark.parametrize("unit", [1e-200, 1e-30, 1.0, 1e29])
def test_the_spread_of_what_is_tiny_or_huge_is_found(unit):
    values = np.array([[1.0], [2.0], [4.0]]) * unit
    shift, scale = spread(values, np.array([[0, 1, 2]], np.int32))
    assert shift[0, 0] == pytest.approx(7 / 3 * unit, rel=1e-9, abs=0)
    assert scale[0, 0] == pytest.approx(pstdev([1, 2, 4]) * unit, rel=1e-9, abs=0)


@pytest.mark.parametrize("columns", [1, 5])  # numpy groups the sums of a single column
def test_sums_go_from_the_first_row_to_the_last(columns):
    draws = np.random.Generator(np.random.PCG64(2)).normal(size=(1000, columns))
    shift, scale = spread(draws, np.arange(1000, dtype=np.int32)[None])
    for column in range(columns):
        total = 0.0
        for value in draws[:, column].tolist():
            total += value
        assert shift[0, column] == total / 1000  # the same bits
        assert shift[0, column] == pytest.approx(math.fsum(draws[:, column]) / 1000, rel=1e-11)
        assert scale[0, column] == pytest.approx(draws[:, column].std(), rel=1e-12)
