"""Out-of-focus blur of photographs: convolution with a disc, which no product of a row and a column gives.

"medium" is a wall of photographs that come with scikit-learn, the others noise, for which no package is needed.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# height and width of the image, diameter of the disc; "small" is a digit and a 3 × 3 kernel
SIZES = {
    "tiny": (50, 50, 15),
    "small": (28, 28, 3),
    "medium": (1708, 2560, 15),
    "large": (4000, 4000, 31),
    "endless": (4000, 4000, 1001),
}


def make(size: str) -> Call:
    """Return an image and a disc, float64, for the part of the convolution that needs nothing around the image."""
    height, width, diameter = SIZES[size]
    if size == "medium":
        image = wall_of_photographs(height, width)
    else:
        image = np.random.Generator(np.random.Philox(20)).random((height, width))
    return Call((image, disc(diameter)), {"mode": "valid"})


def disc(diameter: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what a defocused lens makes of a point, with sum 1 and a soft rim."""
    y, x = np.mgrid[:diameter, :diameter] - (diameter - 1) / 2
    weights = np.clip(diameter / 2 - np.hypot(x, y), 0, 1)
    normalised: np.ndarray[Any, np.dtype[np.float64]] = weights / weights.sum()
    return normalised


def wall_of_photographs(height: int, width: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return two photographs in shades of grey, next to each other and over and over again."""
    from sklearn.datasets import load_sample_image  # noqa: PLC0415 - needed for this size alone

    pair = np.concatenate([load_sample_image(name).mean(axis=2) for name in ("china.jpg", "flower.jpg")], axis=1)
    repeats = -(-height // pair.shape[0]), -(-width // pair.shape[1])
    return np.ascontiguousarray(np.tile(pair, repeats)[:height, :width])


def split(call: Call, count: int) -> list[Call]:
    """Cut the image into strips, which overlap by the kernel's height less one."""
    image, kernel = call.args
    overlap = len(kernel) - 1
    rows = len(image) - overlap
    count = min(count, rows)
    bounds = [rows * strip // count for strip in range(count + 1)]
    return [Call((image[start : stop + overlap], kernel), call.kwargs) for start, stop in pairwise(bounds)]


def units(call: Call) -> int:
    """Return the number of products."""
    image, kernel = call.args
    return int((image.shape[0] - kernel.shape[0] + 1) * (image.shape[1] - kernel.shape[1] + 1) * kernel.size)


def effort(call: Call) -> Effort:
    """Return the floating-point operations of all sums of products."""
    return Effort("fused64", 2.0 * units(call), "2 for each product")


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether two results are equal to nine digits of the largest; other orders of summing round otherwise."""
    theirs = np.asarray(theirs)
    return theirs.shape == ours.shape and np.allclose(ours, theirs, rtol=0, atol=1e-9 * np.abs(ours).max())


def scipy_peer(call: Call) -> Callable[[], Any]:
    """Compute the same sums."""
    from scipy.signal import convolve2d  # noqa: PLC0415 - an optional peer

    return lambda: call(convolve2d)


def fourier_peer(call: Call) -> Callable[[], Any]:
    """Compute them by the Fourier transform, block by block, which is another algorithm."""
    from scipy.signal import oaconvolve  # noqa: PLC0415 - an optional peer

    return lambda: call(oaconvolve)


def ndimage_peer(call: Call) -> Callable[[], Any]:
    """Compute them for the whole image, and cut the border off."""
    from scipy.ndimage import convolve  # noqa: PLC0415 - an optional peer

    image, kernel = call.args
    inner = inside(image, kernel)
    return lambda: convolve(image, kernel, mode="constant")[inner]


def opencv_peer(call: Call) -> Callable[[], Any]:
    """Compute them for the whole image, from a certain size of the kernel on by the Fourier transform."""
    import cv2  # noqa: PLC0415 - an optional peer

    cv2.setNumThreads(1)
    image, kernel = call.args
    turned = np.ascontiguousarray(kernel[::-1, ::-1])  # it correlates
    inner = inside(image, kernel)
    return lambda: cv2.filter2D(image, -1, turned, borderType=cv2.BORDER_CONSTANT)[inner]


def inside(image: Any, kernel: Any) -> tuple[slice, slice]:  # noqa: ANN401
    """Return where a kernel of odd size lies wholly within the image."""
    return tuple(  # type: ignore[return-value]
        slice(by // 2, size - by // 2) for size, by in zip(image.shape, kernel.shape, strict=True)
    )


PROBLEM = Problem(
    kernel="convolve2d",
    source=(
        "medium: two photographs that come with scikit-learn (china.jpg by danielbuechele and flower.jpg by vultilion, "
        "CC BY 2.0); all others random numbers from a fixed seed"
    ),
    unit="products",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(
        Peer("scipy.signal.convolve2d", "scipy", scipy_peer),
        Peer("scipy.signal.oaconvolve (Fourier)", "scipy", fourier_peer),
        Peer("scipy.ndimage.convolve", "scipy", ndimage_peer),
        Peer("OpenCV filter2D", "opencv-python-headless", opencv_peer),
    ),
)
