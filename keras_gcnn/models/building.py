"""Steps that the paper's networks share."""

import math

import keras
from keras import layers

from keras_gcnn import arguments, stock
from keras_gcnn.groups import Space
from keras_gcnn.layers import (
    CosetPooling2D,
    GroupAveragePooling2D,
    GroupBatchNormalization,
    GroupConv2D,
    LiftingConv2D,
)
from keras_gcnn.layers.blocks import DOWNSAMPLINGS


def convolve(
    x, filters, kernel_size, group, stride=1, downsampling="stride", padding="same", **options
):
    """Lifts an image to the group, or convolves a map that is on it already.

    A stride is made by striding the convolution, or by pooling after it, as `downsampling` says.
    """
    arguments.one_of(downsampling, DOWNSAMPLINGS, "downsampling")
    layer = GroupConv2D if is_on_group(x, group) else LiftingConv2D
    pools = stride > 1 and downsampling == "pooling"
    x = layer(
        filters,
        kernel_size,
        group=group,
        strides=1 if pools else stride,
        padding=padding,
        data_format="channels_last",
        **options,
    )(x)
    if not pools:
        return x
    return GroupAveragePooling2D(stride, group=group, data_format="channels_last")(x)


def image(input_shape):
    """The input of a model of images."""
    return keras.Input(arguments.input_shape(input_shape, 3), name="image")


def scaled(widths, group):
    """Widths on Z² divided by √|H|, for about as many weights on the group."""
    return tuple(round(width / math.sqrt(group.order)) for width in widths)


def normalize(x, group, name):
    """Batch normalization, with the original experiments' decay of 0.9, and ReLU."""
    kind = GroupBatchNormalization if is_on_group(x, group) else layers.BatchNormalization
    x = kind(axis=-1, momentum=0.9, name=f"norm{name}")(x)
    return layers.ReLU(name=f"relu{name}")(x)


def mean_over_space_and_group(x, group):
    """The invariant of a feature map on the group, one number per channel."""
    x = CosetPooling2D(group, reduction="mean", data_format="channels_last", name="group_mean")(x)
    return layers.GlobalAveragePooling2D(data_format="channels_last", name="space_mean")(x)


def mean_over_space(x, group):
    """The mean over space of each plane of a map on the group, |H| numbers per channel."""
    size = x.shape[1:3]
    if size[0] is None or size[0] != size[1]:
        raise ValueError(
            "`invariant=False` takes the mean over squares of a known size. Received: a map of "
            f"size {size} after the last stage. Set equal sizes in `input_shape`, or leave "
            "`invariant` out."
        )
    x = GroupAveragePooling2D(size, group=group, data_format="channels_last", name="space_mean")(x)
    return layers.Flatten(name="planes")(x)


def is_on_group(x, group):
    """Whether a map is on the group, by the layer that made it."""
    space = stock.follow(x, Space.lattice(group), "channels_last").space
    return space is not None and space.has_axis
