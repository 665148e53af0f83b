"""Does fusing the activation into the computation before it remove the memory traffic?

Bytes that go through memory in the forward pass and in a training step of the study's network: every tensor that an
eager operation reads and writes, against the loads and stores of the fused kernels; time beside.
"""

from quantstudy.judge.claims import Claim, Part

CLAIM = Claim(
    name="fusion",
    says="Fusing the activation into the computation before it (as Triton can) removes much of the memory traffic.",
    measured=(
        "Bytes read and written per point by the operations of eager torch, and by the loads and stores of the "
        "fused Triton kernels, forward and whole training step; time on a GPU where one is there, on this CPU "
        "beside."
    ),
    parts=(
        Part(
            "forward_bytes",
            "the fused forward pass moves fewer bytes (share of eager's, least over the seven)",
            0.25,
            "%",
            100.0,
            exact=True,
        ),
        Part("step_bytes", "so does the fused training step (least over the seven)", 0.25, "%", 100.0, exact=True),
        Part(
            "gpu_time",
            "the fused step is faster on a GPU (share of eager's time, least over the seven)",
            0.1,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "cpu_time",
            "the fused forward pass is faster on this CPU (share of eager's time, mean of the seven)",
            0.1,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "smooth_gains",
            "silu and gelu gain more than relu by it (forward time, share)",
            0.0,
            "%",
            100.0,
            decides=False,
        ),
    ),
    alone=True,
)
