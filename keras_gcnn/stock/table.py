"""The one table of stock Keras layers: what each of them does to a map on a space.

The guard follows the graph of a functional model back by it, `to_planar` converts by it, and
`docs/stock_layers.md` is made from it.
"""

from dataclasses import dataclass
from typing import Any

import keras

from keras_gcnn.stock import checks


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        names: Classes of Keras, with spaces between: layers, and operations of `keras.ops`.
        effect: `"keeps"`, `"condition"` or `"breaks"`.
        says: What documentation says of it: what it does, or the condition.
        check: A function of a `checks.Call` that returns why equivariance is lost, or `None`.
        planar: What `to_planar` makes of it: `"itself"`, for it acts on each number by itself;
            `"dropped"`, for it acts only during training; `"rule"`, by a rule of `convert.rules`;
            `"refused"`, an error. `None`: itself, on the map with its axis of H.
    """

    names: str
    effect: str
    says: str
    check: Any = checks.always_keeps
    planar: str | None = None

    @property
    def kinds(self):
        """The names as a tuple."""
        return tuple(self.names.split())


TABLE = (
    Row("ReLU LeakyReLU ELU Identity", "keeps", "acts on each number", planar="itself"),
    Row(
        "Rescaling Clip",
        "condition",
        "its numbers are the same at all points",
        checks.constants,
        "itself",
    ),
    Row(
        "Activation",
        "condition",
        "it acts on each number, or along channels that are last",
        checks.activation,
        "itself",
    ),
    Row(
        "Add Average Subtract Multiply Maximum Minimum Divide TrueDivide Power",
        "condition",
        "both maps are on the same space, or a constant is the same at all points",
        checks.merged,
        "itself",
    ),
    Row(
        "Absolute Negative Square Sqrt Rsqrt Exp Log Log1p Sign Relu Relu6 Sigmoid Silu Gelu Elu "
        "Selu Softplus Softsign Tanh LeakyRelu HardSigmoid HardSilu Celu Floor Round",
        "keeps",
        "operations of keras.ops that act on each number",
        planar="itself",
    ),
    Row(
        "Dropout AlphaDropout GaussianDropout GaussianNoise ActivityRegularization "
        "SpatialDropout1D SpatialDropout2D SpatialDropout3D RandomGroupElement",
        "keeps",
        "acts only during training",
        planar="dropped",
    ),
    Row(
        "RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomShear "
        "RandomBrightness",
        "keeps",
        "acts only during training",
    ),
    Row(
        "BatchNormalization GroupBatchNormalization",
        "condition",
        "its axis is that of the channels",
        checks.per_channel,
        "rule",
    ),
    Row(
        "GroupNormalization LayerNormalization RMSNormalization Normalization",
        "condition",
        "its axis is that of the channels",
        checks.per_channel,
    ),
    Row(
        "UnitNormalization Softmax LogSoftmax Max Min Mean Sum Prod Var Std Amax Amin Any All "
        "Logsumexp",
        "condition",
        "it goes along channels, H, or all axes of space that the group exchanges",
        checks.along_axes,
    ),
    Row(
        "MultiHeadAttention",
        "condition",
        "channels are last, and `attention_axes` are H, or all axes that the group exchanges",
        checks.attention,
    ),
    Row("Dense", "condition", "channels are last, as Dense takes them", checks.on_last_axis),
    Row("PReLU", "condition", "space and H are all in `shared_axes`", checks.shared_axes),
    Row(
        "Conv1D Conv2D Conv3D",
        "condition",
        "its kernel has size 1 along space and H",
        checks.kernel,
        "refused",
    ),
    Row(
        "SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D",
        "condition",
        "its kernel has size 1 along space and H",
        checks.kernel,
    ),
    Row(
        "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
        "condition",
        "its kernel has size 1 along space and H, and its strides keep the centre",
        checks.transposed_kernel,
    ),
    Row(
        "MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D",
        "condition",
        "its pool size is 1 along H, and its windows turn with an input of that size",
        checks.pooling,
        "rule",
    ),
    Row(
        "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D "
        "GlobalAveragePooling2D GlobalAveragePooling3D",
        "keeps",
        "gives invariant numbers",
        planar="rule",
    ),
    Row(
        "ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D",
        "condition",
        "it is equal in front and behind and along axes that the group exchanges, and none along H",
        checks.amounts,
        "rule",
    ),
    Row(
        "UpSampling1D UpSampling2D UpSampling3D",
        "condition",
        "its size is 1 along H, and equal along axes that the group exchanges",
        checks.repeated,
        "rule",
    ),
    Row(
        "Concatenate",
        "condition",
        "its axis is that of the channels",
        checks.concatenated,
        "rule",
    ),
    Row("Flatten", "breaks", "gives every point weights of its own", checks.flattened),
    Row(
        "Reshape Squeeze ExpandDims",
        "condition",
        "only an axis of H of length 1 comes and goes",
        checks.same_shape,
    ),
    Row(
        "Permute Transpose",
        "breaks",
        "exchanges axes; kept where that commutes with the group, as on p2",
        checks.in_order,
    ),
    Row(
        "GetItem",
        "condition",
        "it slices channels, or cuts off as much on all sides",
        checks.sliced,
    ),
    Row(
        "Flip Roll",
        "condition",
        "its axis is that of the channels, or it commutes with the group",
        checks.permuted,
    ),
    Row("RotatedImage", "condition", "the group has no mirrors", checks.rotated, "refused"),
)
_BY_NAME = {kind: row for row in TABLE for kind in row.kinds}

POINTWISE_ACTIVATIONS = (
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear "
    "log_sigmoid mish relu relu6 selu sigmoid silu soft_shrink softplus softsign sparse_plus "
    "sparse_sigmoid squareplus tanh tanh_shrink threshold"
)


def named(operation):
    """What messages call a layer or operation."""
    return f"{type(operation).__name__} '{operation.name}'"


def row_of(operation):
    """The `Row` of a layer or operation of Keras or of this library, or `None`."""
    kind = type(operation)
    is_known = kind.__module__.split(".")[0] in ("keras", "keras_gcnn")
    is_mean = kind.__name__ == "Average" and not isinstance(operation, keras.layers.Layer)
    return _BY_NAME.get("Mean" if is_mean else kind.__name__) if is_known else None


def acts_on_each_number(operation):
    """Whether a layer or operation is known to act on each number by itself."""
    row = row_of(operation)
    return (
        row is not None
        and row.planar == "itself"
        and is_pointwise(getattr(operation, "activation", None))
        and not checks.arrays_of(operation)
    )


def treats_channels_alike(operation):
    """Whether a layer or operation is known to do the same to each channel by itself."""
    row = row_of(operation)
    alike = checks.pooling, checks.amounts, checks.repeated, checks.along_axes
    is_alike = row is not None and (row.planar == "dropped" or row.check in alike)
    makes_bases = type(operation).__name__ in ("Cast", "OneHot", "Masking")
    return acts_on_each_number(operation) or is_alike or makes_bases


def is_pointwise(activation):
    """Whether a layer's activation is known to act on each number by itself."""
    if activation is None or isinstance(activation, keras.layers.Layer):
        return activation is None or acts_on_each_number(activation)
    name = getattr(activation, "__name__", None)
    return (
        name in POINTWISE_ACTIVATIONS.split()
        and getattr(keras.activations, name, None) is activation
    )
