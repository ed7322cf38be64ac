"""Lifting and group convolutions: from images to the group, and on the group."""

from typing import Any, Unpack

import keras

from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import Config, Group, Integer, Size, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.base_layer import serialized_subgroup
from keras_gcnn.layers.dimensions import like
from keras_gcnn.layers.options import ConvolutionOptions, LiftingOptions
from keras_gcnn.ops.conv.quotient import number_of_orbits


class BaseQuotientConv(BaseGroupConv):
    """A convolution whose maps may be on quotients of the group.

    Subclasses say which subgroups they take (`subgroups`).
    """

    subgroups: tuple[str, ...] = ()
    input_subgroup: Any
    output_subgroup: Any

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size,
        group: Group | None = None,
        *args: Any,
        **kwargs: Unpack[ConvolutionOptions],
    ) -> None:
        options: Config = {**kwargs}
        given = {name: options.pop(name, None) for name in self.subgroups}
        self.__dict__.update(given)
        super().__init__(filters, kernel_size, group, *args, **options)
        if self.is_between_quotients() and self.implementation == "fourier":
            raise ValueError(
                "`implementation` must be 'auto' or 'direct' with "
                f"{' and '.join(f'`{name}`' for name in self.subgroups)}. Received: "
                "implementation='fourier'. Leave it out."
            )

    def fit_group(self) -> None:
        super().fit_group()
        for name in self.subgroups:
            if getattr(self, name) is not None:
                setattr(self, name, self.group.subgroup(getattr(self, name)))

    @property
    def output_space(self) -> Space:
        return Space.quotient(self.group, self.output_subgroup)

    def convolution_op(
        self, inputs: Tensor, kernel: Tensor, training: bool | None = False
    ) -> Tensor:
        if not self.is_between_quotients():
            return super().convolution_op(inputs, kernel, training)
        return group_ops.quotient_conv(
            inputs,
            kernel,
            self.input_space,
            self.output_space,
            self.kernel_size,
            groups=self.groups,
            training=training,
            **self._window_options(),
        )

    def is_between_quotients(self) -> bool:
        return any(getattr(self, name) is not None for name in self.subgroups)

    def _domain(self):
        if not self.is_between_quotients():
            return super()._domain()
        spaces = self.input_space, self.output_space
        return (number_of_orbits(*spaces, self.kernel_size),)

    def _whole_config(self):
        given = {name: getattr(self, name) for name in self.subgroups}
        given = {name: serialized_subgroup(k) for name, k in given.items() if k is not None}
        return {**super()._whole_config(), **given}


class LiftingConv(BaseQuotientConv):
    """Lifting, in every dimension."""

    subgroups = ("output_subgroup",)

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size,
        group: Group,
        *args: Any,
        **kwargs: Unpack[LiftingOptions],
    ) -> None:
        super().__init__(filters, kernel_size, group, *args, **kwargs)

    @property
    def input_space(self) -> Space:
        return Space.lattice(self.group)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class LiftingConv2D(LiftingConv):
    """Lifting: an image in, a feature map on the group out. The first layer of a network.

        o_k(x, h) = activation(b_k + Σ_y Σ_c f_c(x + y) ψ_c,k(h⁻¹y))

    Taps y are counted from the centre of the kernel ψ. Each filter is applied in all |H| rotated
    and mirrored versions. The layer has the weights of a Conv2D, `(kh, kw, C, filters)`, so it
    takes them by `layer.set_weights(conv.get_weights())`. (Files of weights know layers by their
    class, so one of a Conv2D does not load, here or into a subclass of Conv2D.)

    Args:
        filters: Integer, the number of feature maps on the group; |H| times as many planar maps.
        kernel_size: Integer or two. With `padding="valid"` odd and even sizes keep equivariance.
            With `"same"` and a stride of 1 it must be odd, and on the hexagonal lattice always. It
            must be the same along axes that the group exchanges.
        group: The point group: one of `keras_gcnn.groups.names(dimension=2)`, such as `"p4"`
            (quarter turns) or `"p4m"` (and mirrors), or a `keras_gcnn.groups.PointGroup`. The
            layers that follow take it from here.
        strides: Integer or two. A stride keeps equivariance only if nothing is left over:
            (size + padding - kernel) mod stride = 0. Otherwise the layer warns when it is built.
        padding: `"valid"`, `"same"`, or `"centered"`, which pads with kernel size - 1 zeros at
            every stride, half of them in front: the first window is centred on the first pixel.
        data_format, dilation_rate, groups, activation, use_bias: As in `keras.layers.Conv2D`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: As in `keras.layers.Conv2D`.
            Glorot's and He's initializers see the fan-in of every output, C·kh·kw.
        implementation: `"auto"`, `"direct"` or `"fourier"`, as in `ops.group_conv`. A model saved
            with one gives the same outputs with another. With `output_subgroup` only the direct one
            is there.
        lora_rank, lora_alpha: As in `keras.layers.Conv2D`; `enable_lora` is there too.
        output_subgroup: L, for an output on the quotient G/L, as `CosetPooling2D` takes it. By
            default the output is on G. With L the kernel is `(orbits, C, filters)`, with one weight
            for all taps that L exchanges. For L = H the output is an image.

    Input shape:
        - `"channels_last"`: `(batch, height, width, C)`
        - `"channels_first"`: `(batch, C, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

    Returns:
        The feature map. On G/L its axis is |H|/|L| long, and an image has none.

    Raises:
        ValueError: If an argument is invalid, the input is no image, or the kernel does not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 28, 28, 3)
    >>> keras_gcnn.layers.LiftingConv2D(10, 3, group="p4")(x).shape
    (4, 26, 26, 4, 10)

    Reference: Cohen & Welling 2016, section 6.1, the first layer.
    """

    dimension = 2

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size,
        group: Group = "p4",
        *args: Any,
        **kwargs: Unpack[LiftingOptions],
    ) -> None:
        super().__init__(filters, kernel_size, group, *args, **kwargs)


@like(LiftingConv2D)
class LiftingConv1D(LiftingConv):
    """`LiftingConv2D` in one dimension."""

    dimension = 1


@like(LiftingConv2D)
class LiftingConv3D(LiftingConv):
    """`LiftingConv2D` in three dimensions."""

    dimension = 3


class GroupConv(BaseQuotientConv):
    """The convolution on the group, in every dimension."""

    subgroups = ("input_subgroup", "output_subgroup")

    @property
    def input_space(self) -> Space:
        return Space.quotient(self.group, self.input_subgroup)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupConv2D(GroupConv):
    """A convolution on the group: a feature map on G in, a feature map on G out.

        o_k(x, h) = activation(b_k + Σ_y Σ_h′ Σ_c f_c(x + y, h′) ψ_c,k(h⁻¹y, h⁻¹h′))

    Taps y are counted from the centre of the kernel ψ. The kernel has a value for every tap and
    every element of H: `(kh, kw, |H|, C, filters)`.

    Whatever acts pointwise on the group is a plain Keras layer: ReLU, Add, Dropout, and
    `BatchNormalization(axis=-1)`, which then normalizes per feature map on the group.
    `GroupBatchNormalization` computes the same, and is faster on JAX and TensorFlow. To drop whole
    maps use `SpatialDropout3D`.

    Args:
        filters: Integer, the number of feature maps on the group; |H| times as many planar maps.
        kernel_size: Integer or two. With `padding="valid"` odd and even sizes keep equivariance.
            With `"same"` and a stride of 1 it must be odd, and on the hexagonal lattice always. It
            must be the same along axes that the group exchanges.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        strides, padding, data_format, dilation_rate, groups, activation, use_bias: As in
            `LiftingConv2D`.
        kernel_initializer: As in `keras.layers.Conv2D`. Glorot's and He's see the effective
            fan-in, |H|·C·kh·kw.
        bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
        kernel_constraint, bias_constraint: As in `keras.layers.Conv2D`.
        implementation, lora_rank, lora_alpha, output_subgroup: As in `LiftingConv2D`.
        input_subgroup: K, for an input on the quotient G/K, such as that of a `CosetPooling2D`.
            `None` is {e}: an input on G.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

    Returns:
        The feature map. On G/L its axis is |H|/|L| long, and an image has none.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or the kernel does
            not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 26, 26, 4, 10)
    >>> keras_gcnn.layers.GroupConv2D(20, 3, group="p4")(x).shape
    (4, 24, 24, 4, 20)

    Reference: Cohen & Welling 2016, section 6.1.
    """

    dimension = 2


@like(GroupConv2D)
class GroupConv1D(GroupConv):
    """`GroupConv2D` in one dimension."""

    dimension = 1


@like(GroupConv2D)
class GroupConv3D(GroupConv):
    """`GroupConv2D` in three dimensions."""

    dimension = 3
