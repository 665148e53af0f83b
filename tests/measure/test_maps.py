import numpy as np
import pytest

from quantstudy.drift.complexity import chain_of_folds
from quantstudy.drift.ranges import histogram
from quantstudy.engine.worker import quantize
from quantstudy.measure.evaluation import subject
from quantstudy.measure.maps import pictures


@pytest.fixture(scope="module")
def one(on):
    return subject(on.stack.select(slice(1, 2)), range(1, 2), on.masks[1:2])


@pytest.fixture(scope="module")
def shown(one, tiny):
    return [quantize(one, tiny, scheme, with_torchao=False) for scheme in tiny.all_schemes[:4]]


def test_what_the_figures_draw_of_one_seed(one, shown):
    arrays = pictures(one, shown, "w4a4")
    names = ["seed", "target", "float/logit", "w4/logit", "a4/logit", "w4a4/logit", "w4a8dyn/logit"]
    names += [f"histogram/{name}" for name in ("layer", "bin_left", "count")]
    names += [f"chain/{name}" for name in ("layer", "neuron", "share", "float", "quantized")]
    assert list(arrays) == [f"leaky_relu/{name}" for name in names]
    get = {name: arrays[f"leaky_relu/{name}"] for name in names}
    assert get["seed"] == 1
    assert np.array_equal(get["target"], one.masks[0])
    assert np.array_equal(get["float/logit"], one.maps.logit[0, 0].numpy().reshape(9, 9))
    for effect in shown:
        assert np.array_equal(get[f"{effect.scheme}/logit"], effect.accumulated.logit[0, 0].numpy().reshape(9, 9))
        assert effect.real is None
    assert len(get["histogram/layer"]) == len(get["histogram/bin_left"]) == len(get["histogram/count"])
    for layer, outputs in enumerate(one.maps.outputs):
        of_it = get["histogram/layer"] == layer
        left, _, count = histogram(one.on_plane(outputs))
        assert np.array_equal(get["histogram/bin_left"][of_it], left)
        assert np.array_equal(get["histogram/count"][of_it], count)
        assert count.sum() == outputs.numel()
    chain = chain_of_folds([one.on_plane(m)[0] for m in one.maps.outputs], [one.stack.weights[1][0].numpy()])
    assert get["chain/layer"].tolist() == [step.layer for step in chain.steps] == [1, 0]
    assert get["chain/neuron"].tolist() == [step.neuron for step in chain.steps]
    np.testing.assert_equal(get["chain/share"], [step.share for step in chain.steps])
    for row, (layer, neuron) in enumerate(zip(get["chain/layer"], get["chain/neuron"], strict=True)):
        assert np.array_equal(get["chain/float"][row], one.maps.outputs[layer][0, neuron].numpy().reshape(9, 9))
        quantized = shown[2].accumulated.outputs[layer][0, neuron].numpy().reshape(9, 9)
        assert np.array_equal(get["chain/quantized"][row], quantized)
    assert get["chain/float"].dtype == get["chain/quantized"].dtype == np.float32


def test_a_dead_network_has_an_empty_chain(dead, tiny):
    one = subject(dead.stack.select(slice(0, 1)), range(1), dead.masks[:1])
    arrays = pictures(one, [quantize(one, tiny, s, with_torchao=False) for s in tiny.all_schemes[:4]], "w4a4")
    assert arrays["relu/chain/float"].shape == arrays["relu/chain/quantized"].shape == (0, 9, 9)
    assert arrays["relu/chain/layer"].shape == (0,)


def test_the_scheme_of_the_folds_must_be_among_those_shown(one, shown):
    with pytest.raises(ValueError, match="unpack"):
        pictures(one, shown, "w8a8")
