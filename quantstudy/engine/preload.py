"""The modules that cells and figures need; imported only by the server process that workers are forked from."""

from quantstudy.engine.executors import collect_rarely

collect_rarely()

import quantstudy.engine.worker  # noqa: E402
import quantstudy.show.figures.catalogue  # noqa: E402, F401
from quantstudy.quantize.torchao_import import quantization  # noqa: E402

quantization()
