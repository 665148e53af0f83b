"""The fused training step in Triton: forward, loss gradient and backward of one model on one block of points.

Everything is unrolled over the neurons: a neuron is one vector over the block's points, a layer a tuple of them, and a
weight a scalar that is loaded where it is needed, so layers may have any number of neurons and nothing is padded
(`tl.dot` would need 16 inputs of a layer). A program writes one partial sum per parameter, and one of the loss, into a
row of its own: no atomics, so the order of additions is fixed. Formulas and bends are those of `activation`.
"""

# mypy: disable-error-code="assignment, misc, no-untyped-def, untyped-decorator"
# Triton's tuples grow while its static loops are unrolled, which Python's types cannot say.

import triton
import triton.language as tl

from quantstudy_kernels.triton.activation import _derivative, _value


@triton.jit
def _affine(below, model_ptr, weights, biases, IN: tl.constexpr, OUT: tl.constexpr):
    """W · below + b, neuron by neuron."""
    result = ()
    for o in tl.static_range(OUT):
        z = tl.load(model_ptr + (biases + o)) + tl.load(model_ptr + (weights + o * IN)) * below[0]
        for i in tl.static_range(1, IN):
            z += tl.load(model_ptr + (weights + (o * IN + i))) * below[i]
        result = result + (z,)  # noqa: RUF005 - Triton unpacks no tuples
    return result


@triton.jit
def _activate(z, model_ptr, slopes, cap, NAME: tl.constexpr, OUT: tl.constexpr):
    result = ()
    for i in tl.static_range(OUT):
        slope = tl.load(model_ptr + (slopes + i)) if NAME == "prelu" else 0.0
        y = _value(z[i], slope, NAME)
        result = result + (tl.where(y > cap, cap, y),)  # noqa: RUF005
    return result


@triton.jit
def _store_outer(partial_ptr, gradient, below, weights, biases, IN: tl.constexpr, OUT: tl.constexpr):
    """Sums over the points for the weights and biases of one layer."""
    for o in tl.static_range(OUT):
        tl.store(partial_ptr + (biases + o), tl.sum(gradient[o], axis=0))
        for i in tl.static_range(IN):
            tl.store(partial_ptr + (weights + (o * IN + i)), tl.sum(gradient[o] * below[i], axis=0))


@triton.jit
def _descend(
    gradient,
    z,
    model_ptr,
    partial_ptr,
    weights,
    slopes,
    cap,
    NAME: tl.constexpr,
    IN: tl.constexpr,
    OUT: tl.constexpr,
):
    """Gradient with respect to the pre-activations `z` of the layer below; stores the sums for its slopes."""
    result = ()
    for i in tl.static_range(IN):
        upstream = tl.load(model_ptr + (weights + i)) * gradient[0]
        for o in tl.static_range(1, OUT):
            upstream += tl.load(model_ptr + (weights + (o * IN + i))) * gradient[o]
        slope = tl.load(model_ptr + (slopes + i)) if NAME == "prelu" else 0.0
        passes = tl.where(_value(z[i], slope, NAME) > cap, 0.0, 1.0)
        if NAME == "prelu":
            terms = tl.where(z[i] > 0.0, 0.0, z[i]) * passes * upstream
            tl.store(partial_ptr + (slopes + i), tl.sum(terms, axis=0))
        result = result + (upstream * (_derivative(z[i], slope, NAME) * passes),)  # noqa: RUF005
    return result


@triton.jit
def _loss_gradient(sum_ptr, logit, target, inside, share):
    """Gradient of `share` · Σ cross-entropy with respect to the logit; stores that sum over the points."""
    softplus = tl.where(logit < 0.0, 0.0, logit) + tl.log(1.0 + tl.exp(-tl.abs(logit)))
    loss = tl.where(inside, (softplus - logit * target) * share, 0.0)
    tl.store(sum_ptr, tl.sum(loss, axis=0))
    return tl.where(inside, (tl.sigmoid(logit) - target) * share, 0.0)


@triton.jit
def step_kernel(
    flat_ptr,
    inputs_ptr,
    target_ptr,
    partial_ptr,
    points,
    blocks,
    share,
    cap,
    NAME: tl.constexpr,
    NEURONS: tl.constexpr,
    WEIGHTS: tl.constexpr,
    BIASES: tl.constexpr,
    SLOPES: tl.constexpr,
    PARAMETERS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the sums over one block of points of the gradients of `share` · Σ cross-entropy, and of that itself.

    flat [models, PARAMETERS], inputs [models, NEURONS[0], points], target [models, 1, points] and partial
    [models, blocks, PARAMETERS + 1] are contiguous; WEIGHTS, BIASES and SLOPES say where a layer's begin in a row.
    """
    program = tl.program_id(0)
    model = (program // blocks).to(tl.int64)
    column = (program % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = column < points
    model_ptr = flat_ptr + model * PARAMETERS
    partial_ptr += program.to(tl.int64) * (PARAMETERS + 1)
    layer = ()
    INPUTS: tl.constexpr = NEURONS[0]
    LAYERS: tl.constexpr = len(NEURONS) - 1
    for i in tl.static_range(INPUTS):
        x = tl.load(inputs_ptr + (model * INPUTS + i) * points + column, mask=inside, other=0.0)
        layer = layer + (x,)  # noqa: RUF005
    values = (layer,)
    preactivations = ()
    for k in tl.static_range(LAYERS):
        layer = _affine(layer, model_ptr, WEIGHTS[k], BIASES[k], NEURONS[k], NEURONS[k + 1])
        preactivations = preactivations + (layer,)  # noqa: RUF005
        if k < LAYERS - 1:
            layer = _activate(layer, model_ptr, SLOPES[k], cap, NAME, NEURONS[k + 1])
            values = values + (layer,)  # noqa: RUF005
    target = tl.load(target_ptr + model * points + column, mask=inside, other=0.0)
    gradient = (_loss_gradient(partial_ptr + PARAMETERS, layer[0], target, inside, share),)
    for k in tl.static_range(LAYERS - 1, -1, -1):
        _store_outer(partial_ptr, gradient, values[k], WEIGHTS[k], BIASES[k], NEURONS[k], NEURONS[k + 1])
        if k > 0:
            gradient = _descend(
                gradient,
                preactivations[k - 1],
                model_ptr,
                partial_ptr,
                WEIGHTS[k],
                SLOPES[k - 1],
                cap,
                NAME,
                NEURONS[k],
                NEURONS[k + 1],
            )
