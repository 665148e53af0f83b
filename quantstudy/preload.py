"""What cells and figures are made of, imported once by the process that workers are forked from; by nothing else."""

from quantstudy.executors import collect_rarely

collect_rarely()

import quantstudy.show.figures  # noqa: E402
import quantstudy.work  # noqa: E402, F401
from quantstudy.quantize.torchao_import import quantization  # noqa: E402

quantization()
