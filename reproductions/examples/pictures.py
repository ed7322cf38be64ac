"""Patches of the pictures that scikit-image ships."""

import numpy as np
import scipy.ndimage
from skimage import data, filters

TEXTURES = ("brick", "grass", "gravel", "immunohistochemistry")


def gray(name):
    """A picture of scikit-image in gray, with mean 0 and deviation 1."""
    picture = np.asarray(getattr(data, name)(), "float64")
    picture = picture.mean(axis=-1) if picture.ndim == 3 else picture
    return ((picture - picture.mean()) / picture.std()).astype("float32")


def vessels(threshold=0.9):
    """The retina at half its size, its vessels, and where the picture is.

    The vessels were not drawn by hand. They are where the ridge filter of Sato et al. (1998) is
    among its largest values.

    Args:
        threshold: The share of the picture that is no vessel.

    Returns:
        The green channel with mean 0 and deviation 1, the vessels as 0 and 1, and whether a point
        is inside of the round picture; arrays of 704×704.
    """
    picture = np.asarray(data.retina(), "float64")[:1408, :1408]
    picture = picture.reshape(704, 2, 704, 2, 3).mean(axis=(1, 3))
    inside = scipy.ndimage.binary_erosion(picture.max(axis=-1) > 40, iterations=24)
    green = picture[..., 1]
    ridges = filters.sato(green, sigmas=(1, 2, 3), black_ridges=True)
    is_vessel = inside & (ridges > np.quantile(ridges[inside], threshold))
    green = (green - green[inside].mean()) / green[inside].std()
    return green.astype("float32"), is_vessel.astype("float32"), inside


def patches(arrays, allowed, count, size, rng):
    """Square patches of several arrays at the same random places.

    Args:
        arrays: Arrays of one shape.
        allowed: Whether a patch may be centred at each point.
        count: The number of patches.
        size: Their side.
        rng: A NumPy generator.

    Returns:
        For each array, `(count, size, size, 1)`.
    """
    half = size // 2
    centres = np.argwhere(allowed[half:-half, half:-half]) + half
    chosen = centres[rng.choice(len(centres), count, replace=False)]
    return [
        np.stack([a[r - half : r - half + size, c - half : c - half + size] for r, c in chosen])[
            ..., None
        ]
        for a in arrays
    ]


def turned_patches(picture, count, size, angles, rng):
    """Patches of a picture, each turned about its centre by one of the angles, in degrees."""
    margin = int(np.ceil(size * 2**0.5 / 2)) + 1
    rows, columns = (rng.integers(margin, n - margin, count) for n in picture.shape)
    found = []
    for r, c, angle in zip(rows, columns, rng.choice(angles, count), strict=True):
        whole = picture[r - margin : r + margin, c - margin : c + margin]
        turned = scipy.ndimage.rotate(whole, angle, reshape=False, order=1) if angle else whole
        start = margin - size // 2
        found.append(turned[start : start + size, start : start + size])
    return np.stack(found)[..., None]
