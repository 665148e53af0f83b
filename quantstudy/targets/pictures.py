"""Image files as whole numbers: every kind that Pillow reads, turned as the camera said, on white where transparent."""

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.files import Unusable

if TYPE_CHECKING:
    from PIL.Image import Image

Channels = tuple[list[NDArray[Any]], int]
"""Whole numbers [rows, columns] of one colour or of three, first row on top, and the number of all light."""

LONGEST, MOST_PIXELS = 10_000, 50_000_000
"""Of the largest images, along a side and in all."""

BYTE, WORD = 255, 65535
"""All light at 8 and at 16 bits."""

TRANSPARENT = ("LA", "PA", "RGBA", "RGBa")


def channels_of(contents: bytes) -> Channels:
    """Return the brightness or the colours of an image file; of an animated one those of its first picture.

    Args:
        contents: the bytes of the file.

    Raises:
        Unusable: no image, a broken one, one that is too large, or one of more than 16 bits a colour.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(contents)) as image:
            _require_size(image.width, image.height)
            return _channels(ImageOps.exif_transpose(image))
    except (Unusable, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise Unusable(_too_large("it is larger")) from None
    except UnidentifiedImageError:
        raise Unusable("it is no image that Pillow reads") from None
    except Exception as error:  # a broken file may make Pillow raise anything
        raise Unusable(f"the image can't be read ({type(error).__name__}: {error})") from None


def channels_in(image: NDArray[Any]) -> Channels:
    """Return the brightness or the colours of an array, first row on top.

    Args:
        image: [rows, columns], or [rows, columns, 3]: bool, uint8, uint16, or floats from 0 to 1, taken to 16 bits.

    Raises:
        Unusable: another shape, another type, numbers beyond these limits, or too many pixels.
    """
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
        raise Unusable(f"the image must be [rows, columns] or [rows, columns, 3], not {list(image.shape)}")
    _require_size(image.shape[1], image.shape[0])
    if image.dtype.kind == "f":
        if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
            raise Unusable("an image of floats must lie from 0 to 1")
        image = np.rint(image.astype(np.float64) * WORD).astype(np.uint16)
    full = {np.dtype(bool): 1, np.dtype(np.uint8): BYTE, np.dtype(np.uint16): WORD}.get(image.dtype)
    if full is None:
        raise Unusable(f"the image must be bool, uint8, uint16 or float, not {image.dtype}")
    whole = image.astype(np.uint16)
    return ([whole] if whole.ndim == 2 else [whole[..., colour] for colour in range(3)]), full


def _require_size(width: int, height: int) -> None:
    if max(width, height) > LONGEST or width * height > MOST_PIXELS:
        raise Unusable(_too_large(f"it is {width} × {height}"))


def _too_large(what: str) -> str:
    return f"images of at most {LONGEST} pixels a side and {MOST_PIXELS // 10**6} million in all, and {what}"


def _channels(image: "Image") -> Channels:
    if image.mode == "F":
        raise Unusable("images of 8 or 16 bits a colour, and this one holds fractions")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > WORD:
            raise Unusable("images of 8 or 16 bits a colour, and this one has more")
        return [values], WORD
    if image.mode in TRANSPARENT or "transparency" in image.info:
        *colours, cover = (np.asarray(part).astype(np.uint16) for part in image.convert("RGBA").split())
        return [colour * cover + BYTE * (BYTE - cover) for colour in colours], BYTE * BYTE
    if image.mode in ("1", "L"):
        return [np.asarray(image.convert("L"))], BYTE
    return [np.asarray(part) for part in image.convert("RGB").split()], BYTE
