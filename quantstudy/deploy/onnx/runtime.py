"""ONNX Runtime on the CPU: sessions as a user makes them, and whether its integer products are exact here."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantstudy.deploy.onnx.graph import INPUT, IR_VERSION, OPSET


def session(model: bytes, *, disabled: Sequence[str] = (), optimized: bool = True) -> Any:
    """Return a session with onnxruntime's own defaults, on one thread.

    Args:
        model: the file's bytes.
        disabled: optimizers that are left out.
        optimized: whether there are any.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # errors only: its warnings are about its own fusions
    if not optimized:
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model, settings, providers=["CPUExecutionProvider"], disabled_optimizers=list(disabled)
    )


def answers(opened: Any, points: NDArray[Any], names: Sequence[str] | None = None) -> list[NDArray[Any]]:
    """Return what a session gives at points [in, points], each [neurons, points]."""
    found = opened.run(names, {INPUT: np.ascontiguousarray(points.T, dtype=np.float32)})
    return [np.ascontiguousarray(one.T) for one in found]


@functools.cache
def saturates() -> bool:
    """Return whether products of uint8 and int8 are wrong here: two of 255·127 give more than int16 holds.

    Without VNNI instructions MLAS adds pairs of products in 16 bits and cuts off what is more. Products of int8 and
    int8, which our graphs have, it computes exactly everywhere.
    """
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", [INPUT, "weight"], ["sum"])],
        "probe",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["points", 2])],
        [helper.make_tensor_value_info("sum", TensorProto.INT32, ["points", 1])],
        [numpy_helper.from_array(np.full((2, 1), 127, np.int8), "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    (found,) = session(model.SerializeToString()).run(None, {INPUT: np.full((1, 2), 255, np.uint8)})
    return int(found[0, 0]) != 2 * 255 * 127


SETTINGS = "CPUExecutionProvider, graph optimization level ALL, one thread"
"""What sessions are made with, as records say it: onnxruntime's own defaults, but for the threads."""
