"""The G-correlation as a filter transform followed by one planar convolution (paper, section 7)."""

import keras
from keras import ops

from keras_gcnn import groups as point_groups
from keras_gcnn.ops import cost_model, layout, tables
from keras_gcnn.ops.compiler import is_traced_by_torch
from keras_gcnn.ops.fourier_conv import TransformedKernel, fourier_conv
from keras_gcnn.ops.planar_conv import planar_conv


def transform_filters(kernel, group):
    """Turns one filter into the |H| transformed filters of the bank, by one gather.

        bank[y, h', c, h, f] = ψ[h⁻¹y, h⁻¹h', c, f]      a filter on G
        bank[y,     c, h, f] = ψ[h⁻¹y,        c, f]      a filter on Zᵈ

    with taps y counted from the centre of the kernel, which is a half-pixel for even sizes.

    Args:
        kernel: Filter ψ on Zᵈ, `(*kernel_size, channels, filters)`, or on G,
            `(*kernel_size, |H|, channels, filters)`.
        group: Name of the point group H, or a `PointGroup`.

    Returns:
        The filter bank: ψ's shape with an axis `|H|` put in before `filters`.

    Raises:
        ValueError: If the group does not map the kernel to itself, as a 3×5 kernel under quarter
            turns, or if the kernel has another rank or |H| axis.

    Reference: Cohen & Welling 2016, sections 6.1, 6.2 and 7.1.
    """
    group = point_groups.get(group)
    shape = layout.static_shape(kernel)
    indices = tables.filter_bank(group, shape)
    *domain, channels, filters = shape
    bank = ops.take(ops.reshape(kernel, (-1, channels * filters)), indices, axis=0)
    bank = ops.reshape(bank, (-1, group.order, channels, filters))
    bank = ops.transpose(bank, (0, 2, 1, 3))
    return ops.reshape(bank, (*domain, channels, group.order, filters))


def group_conv(
    x,
    kernel,
    group,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    groups=1,
    implementation="auto",
    training=False,
):
    """The G-correlation of a feature map with a filter, giving a function on G.

        [f ⋆ ψ](x, h) = Σ_y Σ_h' Σ_c f_c(y, h') ψ_c(h⁻¹(y - x), h⁻¹h')       f on G
        [f ⋆ ψ](x, h) = Σ_y      Σ_c f_c(y)     ψ_c(h⁻¹(y - x))              f on Zᵈ (lifting)

    computed directly, as `transform_filters` followed by exactly one planar convolution; or
    with the Fourier transform on H, which takes 12 multiplications in place of 64 on p4m and 6 in
    place of 16 on p4, for more additions and memory.

    Args:
        x: Feature map on Zᵈ, `(batch, *space, channels)`, or on G, `(batch, *space, |H|, channels)`
            with `"channels_last"`; `(batch, channels, *space)` or `(batch, channels, |H|, *space)`
            with `"channels_first"`.
        kernel: Filter on the same space as `x`, laid out as for `transform_filters` in either data
            format. For inference also its `transform_kernel`, which is `"fourier"`'s.
        group: Name of the point group H, or a `PointGroup`.
        strides: Integer, or one per axis.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        dilation_rate: Integer, or one per axis.
        groups: The channels and filters are split into this many blocks that do not mix, as in
            `keras.layers.Conv2D`. The kernel then holds `channels // groups` channels.
        implementation: `"direct"`, `"fourier"`, or `"auto"`: the one that `ops.cost_model` predicts
            to be faster. Their outputs are equal up to rounding.
        training: Whether gradients will be taken: for `"auto"`, and `"fourier"` then has a gradient
            of its own, of which JAX takes derivatives in reverse mode only.

    Returns:
        Feature map on G, `(batch, *new_space, |H|, filters)`, or `(batch, filters, |H|,
        *new_space)` with `"channels_first"`.

    Raises:
        ValueError: As `transform_filters`, and if map and filter are not on the same space.

    Reference: Cohen & Welling 2016, sections 6.1 and 7.2; for the transform, `groups/fourier.py`.
    """
    group = point_groups.get(group)
    data_format = data_format or keras.config.image_data_format()
    _check_implementation(implementation)
    _check_same_space(x, kernel, group, data_format)
    strides = layout.per_axis(strides, group.dimension)
    if isinstance(kernel, TransformedKernel):
        _check_takes_transform(implementation, groups)
        implementation = "fourier"
    if implementation == "auto":
        implementation = cost_model.choose(x, kernel, group, strides, training)
    convolve = _CONVOLUTIONS[implementation]
    dilation_rate = layout.per_axis(dilation_rate, group.dimension)
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    if data_format == "channels_first" and not _takes_channels_first(convolve):
        x = ops.moveaxis(x, *(((1, 2), (-1, -2)) if layout.is_on_group(x, group) else (1, -1)))
        y = convolve(x, kernel, group, "channels_last", groups, training, **options)
        return ops.moveaxis(y, (-1, -2), (1, 2))
    return convolve(x, kernel, group, data_format, groups, training, **options)


def _direct(x, kernel, group, data_format, groups, training, **options):
    """One planar convolution with the filter bank."""
    if layout.is_on_group(x, group):
        if data_format == "channels_last":
            x = _exchange(x, group.order, groups)
        x = layout.merge_group_axis(x, data_format)
    has_gradient = training and is_traced_by_torch()
    bank = (_bank_with_gradient if has_gradient else transform_filters)(kernel, group)
    bank = planar_kernel(bank, group.dimension, groups, data_format)
    y = planar_conv(x, bank, data_format=data_format, **options)
    y = layout.split_group_axis(y, group.order, data_format)
    return _exchange(y, groups, group.order) if data_format == "channels_last" else y


def _bank_with_gradient(kernel, group):
    """`transform_filters`, and for its gradient a gather and a sum over H.

    Derived by PyTorch, it is a scatter, of which torch.compile makes a loop of atomic additions.
    """

    def bank(kernel):
        shape = layout.static_shape(kernel)
        *_, channels, filters = shape

        def gradient(_, upstream):
            upstream = ops.reshape(upstream, (-1, channels, group.order, filters))
            rows = ops.reshape(ops.swapaxes(upstream, 1, 2), (-1, channels, filters))
            indices = ops.reshape(tables.filter_bank_adjoint(group, shape), (-1, group.order))
            # Not one gather and its sum: torch.compile vectorises that along H, which is short.
            total = sum(ops.take(rows, indices[:, h], axis=0) for h in range(group.order))
            return ops.reshape(total, shape)

        return transform_filters(kernel, group), gradient

    return ops.custom_gradient(bank)(kernel)


def _fourier(x, kernel, group, data_format, groups, training, strides, padding, dilation_rate):
    """A product per irrep, for each block of channels and filters."""
    size = layout.static_shape(kernel)[: group.dimension]
    sampling = point_groups.Sampling(size, strides, padding, dilation_rate)
    if groups == 1:
        return fourier_conv(x, kernel, group, sampling, training)
    blocks = zip(ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1), strict=True)
    return ops.concatenate([fourier_conv(*b, group, sampling, training) for b in blocks], axis=-1)


_CONVOLUTIONS = {"direct": _direct, "fourier": _fourier}
IMPLEMENTATIONS = ("auto", *_CONVOLUTIONS)


def _check_implementation(implementation):
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(
            f"`implementation` must be one of {IMPLEMENTATIONS}. Received: "
            f"implementation={implementation!r}."
        )


def _check_takes_transform(implementation, groups):
    if implementation == "direct" or groups > 1:
        raise ValueError(
            "A transformed kernel is for the Fourier implementation with one block of channels. "
            f"Received: implementation={implementation!r}, groups={groups}. Give `group_conv` the "
            "kernel itself."
        )


def add_bias(y, bias, data_format=None):
    """Adds one number per feature map on G, the same for every h and every point of space.

    Args:
        y: Feature map on G.
        bias: Vector `(filters,)`.
        data_format: As in `group_conv`.

    Reference: Cohen & Welling 2016, section 6.2: one bias per G-feature map keeps equivariance.
    """
    data_format = data_format or keras.config.image_data_format()
    if data_format == "channels_last":
        return ops.add(y, bias)
    bias = ops.reshape(bias, (-1, *(1,) * (len(y.shape) - 2)))
    # Not add(y, bias): on TensorFlow, Keras 3.15 takes that for a channels_last bias whenever the
    # width happens to equal the number of filters.
    return ops.add(bias, y)


def _check_same_space(x, kernel, group, data_format):
    on_group = layout.is_on_group(x, group)
    axis = layout.group_axis(data_format, group.dimension)
    fits = x.shape[axis] == group.order if on_group else len(x.shape) == group.dimension + 2
    if not fits or len(kernel.shape) != len(x.shape):
        raise ValueError(
            f"`x` and `kernel` must be both on Z^{group.dimension}, of rank {group.dimension + 2}, "
            f"or both on {group.name}, of rank {group.dimension + 3} with an H axis of length "
            f"{group.order}. Received: x.shape={tuple(x.shape)}, "
            f"kernel.shape={tuple(kernel.shape)}, data_format={data_format!r}."
        )


def _takes_channels_first(convolve):
    # TensorFlow on a CPU has no channels_first convolution for every dtype, nor without oneDNN; on
    # a GPU its layout optimiser chooses the order itself. Products per irrep want channels last.
    return convolve is _direct and keras.backend.backend() != "tensorflow"


def planar_kernel(bank, dimension, groups, data_format):
    """The bank as a kernel of `keras.ops.conv`, its H axes merged with the channels.

    In the order (channels, |H|) for `"channels_first"`, else (|H|, channels), as
    `layout.merge_group_axis` has it.
    """
    if data_format == "channels_first":
        bank = ops.swapaxes(bank, -2, -1)  # (..., filters, |H|)
        if len(bank.shape) == dimension + 4:
            bank = ops.swapaxes(bank, -4, -3)  # (*kernel_size, channels, |H|, filters, |H|)
    else:
        bank = _exchange(bank, bank.shape[-2], groups)
    merged = bank.shape[-2] * bank.shape[-1]
    return ops.reshape(bank, (*bank.shape[:dimension], -1, merged))


def _exchange(x, outer, inner):
    """Reads the last two axes as (outer, inner, rest) and makes them (inner, outer, rest).

    A grouped convolution wants its blocks of channels outside the H axis. In channels_first they
    are; in channels_last this takes them there and back, and a single block stays where it is.
    """
    if 1 in (outer, inner):
        return x
    shape = ops.shape(x)
    rest = shape[-2] * shape[-1] // (outer * inner)
    x = ops.reshape(x, (*shape[:-2], outer, inner, rest))
    return ops.reshape(ops.swapaxes(x, -3, -2), shape)
