"""Which implementation of a G-correlation is faster, predicted from measurements.

For one point of the output, a convolution takes P = taps·|H|²·C·F products on G (taps·|H|·C·F from
the plane). The Fourier implementation takes fewer products p, but writes e numbers for f̂ and |H|·F
for ô. Where no compiler joins sums, e counts every addition. The model predicts

    ratio = (seconds of the Fourier implementation) / (seconds of the direct one)
          = a·p/P + b·e/P + c·(taps - 1)/taps·e/P + d·|H|·F/P + e₀

It has five non-negative coefficients. `a` weighs products: how much faster a convolution multiplies
than a matrix product. `b` and `d` are the costs of writing f̂ and ô, `c` the extra cost of shifted
values, and `e₀` a constant. `keras_gcnn.tune` fits them to measurements, for each backend, compiler
and device, for inference and for training. It also finds the limit: the largest prediction below
which the Fourier implementation was never the slower one.

"auto" takes the Fourier implementation where the prediction is below the limit. It takes the direct
one elsewhere: on p1, where there is no product to save; on devices without a fit, such as a GPU
before `keras_gcnn.tune` has run there; and outside of compiled functions on TensorFlow and JAX.
"""

import functools
import itertools
import json
import math
import os
import warnings
from importlib import resources
from pathlib import Path

import numpy as np

from keras_gcnn import arguments
from keras_gcnn.ops import backend, policy, tables

# Of taps times cosets. The recipe of a larger filter, whose size is the square, takes over 30 MB.
LARGEST_DOMAIN = 2048

LARGEST_LIMIT = 0.95  # predictions are a few hundredths off


def choose(compilation, kernel_shape, group, strides, training=False, groups=1):
    """`"fourier"` or `"direct"`, whichever is predicted to be faster.

    The fit was made with strides of 1. It is used for other strides too, in training only where
    `policy.trains_strides` says so. With several blocks of channels it is `"direct"`.

    Args:
        compilation: The `backend.Compilation`.
        kernel_shape: The shape of the filter.
        group: The `PointGroup` H.
        strides: One per axis.
        training: Whether gradients will be taken.
        groups: Blocks of channels.
    """
    training = arguments.flag(training)
    if groups > 1 or backend.is_sharded():
        return "direct"
    if training and max(strides) > 1 and not policy.trains_strides(compilation):
        return "direct"
    size = arguments.kernel_size(kernel_shape, group)
    if math.prod(size) == 1 and not policy.transforms_single_taps(compilation):
        return "direct"
    if not policy.transforms_channels(compilation, kernel_shape[-2]):
        return "direct"
    if math.prod(kernel_shape[:-2]) > LARGEST_DOMAIN:
        return "direct"
    return _choose(key(compilation, training), kernel_shape, group)


@backend.untraced  # it takes the key, since torch.compile makes an empty tuple of a named one
def _choose(name, kernel_shape, group):
    fitted = fits().get(name)
    if fitted is None:
        return "direct"
    _, compiler, *_ = name.split("/")
    if not policy.compiles_sums(compiler, tables.recipe(group, kernel_shape).additions):
        return "direct"
    terms = features(group, kernel_shape, policy.joins_sums(compiler))
    if terms[0] >= 1:  # on p1
        return "direct"
    ratio = np.dot(fitted["coefficients"], terms)
    return "fourier" if ratio < fitted["limit"] else "direct"


def key(compilation, training):
    """What a fit is for, such as `"jax/xla/cpu/training"` or `"torch/eager/cpu/inference"`."""
    name, compiler, device = compilation
    return "/".join((name, compiler or "eager", device, "training" if training else "inference"))


@functools.cache
def features(group, kernel_shape, joined=True):
    """The five numbers that the coefficients are multiplied by, for a filter of this shape.

    Args:
        group: The `PointGroup` H.
        kernel_shape: The shape of the filter.
        joined: Whether a compiler joins sums, so that only f̂ is written.
    """
    *_, channels, filters = kernel_shape
    axes = group.lattice.kernel_rank
    taps = math.prod(arguments.kernel_size(kernel_shape, group))  # of a planar convolution
    direct = taps * math.prod(kernel_shape[axes:]) * group.order
    products = numbers = 0
    recipe = tables.recipe(group, kernel_shape)
    for part in recipe.irreps:
        degree, columns, _ = part.taps.shape
        numbers += len(part.rows) * columns * channels
        products += len(part.rows) * columns * channels * degree * filters
    numbers = numbers if joined else recipe.additions * channels
    shifted = (taps - 1) / taps * numbers
    terms = products, numbers, shifted, group.order * filters, direct
    return tuple(term / direct for term in terms)


def fit(rows, ratios):
    """The non-negative coefficients of least relative error, and the limit.

    Args:
        rows: `features` of each measurement.
        ratios: Measured seconds of the Fourier implementation over those of the direct one.

    Returns:
        Dict of `"coefficients"` and `"limit"`.
    """
    rows, ratios = np.asarray(rows), np.asarray(ratios)
    scaled, best = rows / ratios[:, None], (np.inf, np.zeros(rows.shape[1]))
    # With so few unknowns every set of those that are not 0 can be tried.
    for count in range(1, rows.shape[1] + 1):
        for chosen in map(list, itertools.combinations(range(rows.shape[1]), count)):
            found = np.zeros(rows.shape[1])
            found[chosen] = np.linalg.lstsq(scaled[:, chosen], np.ones(len(rows)), rcond=None)[0]
            error = float(np.square(scaled @ found - 1).sum())
            if (found >= 0).all() and error < best[0]:
                best = error, found
    limit = (rows @ best[1])[ratios > 1].min(initial=LARGEST_LIMIT)
    return {"coefficients": best[1].tolist(), "limit": float(limit)}


def fits_file():
    """Where `keras_gcnn.tune` keeps the fits of this machine: in Keras' own folder."""
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return Path(home) / "keras_gcnn_cost_model.json"


@functools.cache
def fits():
    """The fits by `key`: those that come with the package, replaced by those of this machine."""
    shipped = resources.files("keras_gcnn.ops.conv").joinpath("cost_model.json").read_text("utf-8")
    return {**json.loads(shipped), **read_fits(fits_file())}


def read_fits(path):
    """The fits in a file. A file that cannot be used is ignored, with a warning that names it."""
    try:
        found = json.loads(path.read_text("utf-8"))
        if not all(map(_is_fit, found.values())):
            raise ValueError("it holds something else than fits")
        return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        warnings.warn(
            f"{path} is ignored: {error}. Run `python -m keras_gcnn.tune` to make it again, or "
            "delete it.",
            stacklevel=2,
        )
        return {}


def _is_fit(value):
    if not isinstance(value, dict) or not isinstance(value.get("coefficients"), list):
        return False
    numbers = [*value["coefficients"], value.get("limit")]
    return len(numbers) == 6 and all(isinstance(n, (int, float)) for n in numbers)
