"""LiftingConv2D and GroupConv2D: from the plane to the group, and on the group."""

import keras

from keras_gcnn.layers.base_group_conv import BaseGroupConv


@keras.saving.register_keras_serializable(package="keras_gcnn")
class LiftingConv2D(BaseGroupConv):
    """The first layer: a planar image in, a feature map on the group out.

        y[b, x, h, f] = activation(bias[f] + Σ_t Σ_c image[b, x + t, c] · kernel[h⁻¹t, c, f])

    with taps t counted from the centre of the kernel. Each filter is applied in all |H| rotated and
    mirrored versions, so the layer has Conv2D's weights, `(kh, kw, C, filters)`, and a Conv2D's
    weights load into it.

    Args:
        filters: Integer, the number of feature maps on the group; |H| times as many planar maps.
        kernel_size: Integer or two. Odd and even sizes keep equivariance; groups with quarter turns
            need a square.
        group: The point group: `"p4"` (quarter turns), `"p4m"` (and mirrors), `"p2"`, `"pm"`,
            `"pmm"`, `"p1"`, or a `keras_gcnn.groups.PointGroup`.
        strides: Integer or two. A stride keeps equivariance only if nothing is left over,
            (size + padding - kernel) mod stride = 0; otherwise the layer warns when it is built.
        padding: `"valid"` or `"same"`.
        data_format, dilation_rate, groups, activation, use_bias: As in `keras.layers.Conv2D`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: As in `keras.layers.Conv2D`.
            Glorot's and He's initializers see the fan-in of every output, C·kh·kw.
        implementation: `"auto"`, `"direct"` or `"fourier"`, as in `ops.group_conv`. A model saved
            with one gives the same outputs with another.

    Input shape:
        - `"channels_last"`: `(batch, height, width, C)`
        - `"channels_first"`: `(batch, C, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

    Returns:
        A tensor of rank 5, `activation(image ⋆ kernel + bias)`.

    Raises:
        ValueError: On a bad argument, an input that is not an image, or a kernel that does not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 28, 28, 3)
    >>> keras_gcnn.layers.LiftingConv2D(10, 3, group="p4")(x).shape
    (4, 26, 26, 4, 10)

    Reference: Cohen & Welling 2016, section 6.1, the first layer.
    """

    on_group = False


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupConv2D(BaseGroupConv):
    """A convolution on the group: a feature map on G in, a feature map on G out.

        y[b, x, h, f] = activation(
            bias[f] + Σ_t Σ_h' Σ_c map[b, x + t, h', c] · kernel[h⁻¹t, h⁻¹h', c, f])

    with taps t counted from the centre of the kernel. The kernel has a value for every tap and
    every element of H: `(kh, kw, |H|, C, filters)`.

    Whatever acts pointwise on the group is a plain Keras layer: ReLU, Add, Dropout, and
    `BatchNormalization(axis=-1)`, which then normalises per feature map on the group, as
    `GroupBatchNormalization` does, on JAX in less time. To drop whole maps use `SpatialDropout3D`.

    Args:
        filters: Integer, the number of feature maps on the group; |H| times as many planar maps.
        kernel_size: Integer or two. Odd and even sizes keep equivariance; groups with quarter turns
            need a square.
        group: The point group, the same as the layer before.
        strides, padding, data_format, dilation_rate, groups, activation, use_bias: As in
            `LiftingConv2D`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: As in `keras.layers.Conv2D`.
            Glorot's and He's initializers see the effective fan-in, |H|·C·kh·kw.
        implementation: As in `LiftingConv2D`.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

    Returns:
        A tensor of rank 5, `activation(map ⋆ kernel + bias)`.

    Raises:
        ValueError: On a bad argument, an input that is not on this group, or a kernel that does not
            fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 26, 26, 4, 10)
    >>> keras_gcnn.layers.GroupConv2D(20, 3, group="p4")(x).shape
    (4, 24, 24, 4, 20)

    Reference: Cohen & Welling 2016, section 6.1.
    """
