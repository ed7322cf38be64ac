"""Which implementation of a G-correlation is faster, predicted from measurements.

For one point of the output, a convolution takes P = taps·|H|²·C·F products on G (taps·|H|·C·F from
the plane). The Fourier implementation takes fewer products p, but writes e numbers of f̂ and |H|·F
of ô. The seconds of the one over those of the other are predicted as

    ratio = a·p/P + b·e/P + c·(taps - 1)/taps·e/P + d·|H|·F/P + f        with a, b, c, d, f ≥ 0

where a says how much better a convolution multiplies than a matrix product, b, c and d what writing
a number costs, in products, c of one that is shifted, and f stands for the rest. `keras_gcnn.tune`
fits the five to measurements, for each backend, compiler and device, for inference and for
training, and finds the limit: the largest prediction below which the Fourier implementation was
never the slower one. "auto" takes it where the prediction is below the limit, and the direct one
elsewhere, also where it saves no product, on p1, and where nothing has been measured: on devices
without such a fit, such as a GPU before the user has run `keras_gcnn.tune` there, and outside of
compiled functions, where each sum is an operation of its own.
"""

import functools
import itertools
import json
import math
import os
from importlib import resources
from pathlib import Path

import keras
import numpy as np

from keras_gcnn.ops import layout, tables
from keras_gcnn.ops.compiler import compiler_of, device_of


def choose(x, kernel, group, strides, training=False):
    """`"fourier"` or `"direct"`, whichever is predicted to be faster.

    With strides the Fourier implementation has no gradient of its own (`fourier_conv`), and what
    was fitted to stride 1 says nothing of its training step.

    Args:
        x: The input, a tensor.
        kernel: The filter.
        group: The `PointGroup` H.
        strides: One per axis.
        training: Whether gradients will be taken.
    """
    compiler = compiler_of(x)
    if compiler is None or (training and max(strides) > 1):
        return "direct"
    return choose_for(group, layout.static_shape(kernel), compiler, device_of(x), bool(training))


@tables.untraced
def choose_for(group, kernel_shape, compiler, device, training):
    """As `choose` in a function for this compiler, for a filter of this shape on such a device."""
    fitted = fits().get(key(compiler, device, training))
    if fitted is None:
        return "direct"
    terms = features(group, kernel_shape)
    if terms[0] >= 1:  # on p1 there is no product to save
        return "direct"
    ratio = np.dot(fitted["coefficients"], terms)
    return "fourier" if ratio < fitted["limit"] else "direct"


def key(compiler, device, training):
    """What a fit is for, such as `"tensorflow/xla/cpu/training"`."""
    mode = "training" if training else "inference"
    return f"{keras.backend.backend()}/{compiler}/{device}/{mode}"


@functools.cache
def features(group, kernel_shape):
    """What the five coefficients are multiplied with, for a filter of this shape."""
    *_, channels, filters = kernel_shape
    taps = math.prod(kernel_shape[: group.dimension])
    direct = math.prod(kernel_shape) * group.order
    products = numbers = 0
    for rows, outputs in tables.fourier_sums(group, kernel_shape):
        columns, degree = tables.columns_and_degree(rows, outputs)
        numbers += len(rows) * columns * channels
        products += len(rows) * columns * channels * degree * filters
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
    limit = (rows @ best[1])[ratios > 1].min(initial=1.0)
    return {"coefficients": best[1].tolist(), "limit": float(limit)}


def fits_file():
    """Where `keras_gcnn.tune` keeps the fits of this machine: in Keras' own folder."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "keras_gcnn_cost_model.json"


@functools.cache
def fits():
    """The fits by `key`: those that come with the package, replaced by those of this machine."""
    shipped = resources.files("keras_gcnn.ops").joinpath("cost_model.json").read_text("utf-8")
    own = fits_file().read_text("utf-8") if fits_file().exists() else "{}"
    return {**json.loads(shipped), **json.loads(own)}
