"""Files of numpy arrays (.npz), without pickles."""

import io
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.files import MOST_BYTES, Unusable


def arrays_in(contents: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name.

    Args:
        contents: the bytes of the file.

    Raises:
        Unusable: no .npz file, a broken one, one whose arrays are too large, or hold Python objects.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > MOST_BYTES:
            raise Unusable(f"arrays of at most {MOST_BYTES >> 20} MiB, and it holds {size >> 20}")
        with np.load(io.BytesIO(contents), allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except Unusable:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, NotImplementedError):
        raise Unusable("it is no .npz file of numpy, or a broken one") from None
    except (ValueError, RuntimeError) as error:  # objects, an array's header that lies, a password
        raise Unusable(f"its arrays can't be read ({error})") from None
