"""GroupConv2DTranspose: the adjoint of GroupConv2D."""

from typing import Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import DataFormat, Group, Integer, Padding, Size, Tensor
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.dimensions import like
from keras_gcnn.layers.options import KernelOptions


class GroupConvTranspose(BaseGroupConv):
    """The adjoint of the convolution on the group, in every dimension."""

    left_out = ("groups", "implementation")

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size,
        group: Group | None = None,
        strides: Size = 1,
        padding: Padding = "valid",
        output_padding: Size | None = None,
        data_format: DataFormat | None = None,
        dilation_rate: Size = 1,
        **kwargs: Unpack[KernelOptions],
    ) -> None:
        self.__dict__["output_padding"] = output_padding  # for `_sampling`, before it is a layer
        super().__init__(
            filters, kernel_size, group, strides, padding, data_format, dilation_rate, **kwargs
        )
        self.output_padding = self.sampling.output_padding

    def convolution_op(
        self, inputs: Tensor, kernel: Tensor, training: bool | None = False
    ) -> Tensor:
        return group_ops.group_conv_transpose(
            inputs,
            kernel,
            self.group,
            output_padding=self.output_padding,
            training=training,
            **self._window_options(),
        )

    def _whole_config(self):
        return {**super()._whole_config(), "output_padding": self.output_padding}

    def _kernel_shape(self, channels):
        return *self._domain(), self.filters, channels

    def _sampling(self):
        windows = self._window, self.strides, self.padding, self.dilation_rate
        return arguments.transposed_sampling(*windows, self.output_padding)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupConv2DTranspose(GroupConvTranspose):
    """The transposed convolution on the group: the adjoint of GroupConv2D.

        o_k(x, h) = activation(b_k + [f ⋆ᵀ ψ]_k(x, h))
        [f ⋆ᵀ ψ]_k(x, h) = Σ_y Σ_h′ Σ_c f_c(y, h′) ψ_k,c(h′⁻¹(x - strides·y), h′⁻¹h)

    A map on G comes in, and a larger one goes out. The layer is the adjoint of a GroupConv2D from
    `filters` maps to C, and has its kernel: `(kh, kw, |H|, filters, C)`.

    Args:
        filters: Integer, the number of feature maps on the group that go out.
        kernel_size, group, data_format, dilation_rate, activation, use_bias: As in `GroupConv2D`.
        strides: Integer or two. With `padding="same"`, equivariance needs a kernel size that is as
            large as the stride or larger by an even number. Otherwise the layer warns when it is
            built.
        padding: `"valid"`, `"same"`, or `"centered"`, where n points become (n - 1)·strides + 1.
        output_padding: As in `keras.layers.Conv2DTranspose`. It changes how many points are cut on
            each side. Where the two sides differ, the layer warns.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: As in `keras.layers.Conv2D`.
        lora_rank, lora_alpha: As in `keras.layers.Conv2D`; `enable_lora` is there too.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

        New sizes are those of `keras.layers.Conv2DTranspose`.

    Returns:
        A tensor of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Warns:
        EquivarianceWarning: At build time, if strides, padding or output padding break
            equivariance.

    Example:
    >>> x = np.random.rand(4, 12, 12, 4, 10)
    >>> layer = keras_gcnn.layers.GroupConv2DTranspose(5, 2, group="p4", strides=2)
    >>> layer(x).shape
    (4, 24, 24, 4, 5)

    Reference: the adjoint of Cohen & Welling 2016, section 6.1.
    """

    dimension = 2


@like(GroupConv2DTranspose)
class GroupConv1DTranspose(GroupConvTranspose):
    """`GroupConv2DTranspose` in one dimension."""

    dimension = 1


@like(GroupConv2DTranspose)
class GroupConv3DTranspose(GroupConvTranspose):
    """`GroupConv2DTranspose` in three dimensions."""

    dimension = 3
