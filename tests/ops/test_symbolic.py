"""Functions of `kg.ops` in functional models, with an open batch and open sizes."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import oracle
from tests.ops.cases import random

O = kg.ops
ON_PLANE, ON_P4 = (6, 6, 2), (6, 6, 4, 2)
KERNEL = random(3, 3, 4, 2, 3)
SPACES = kg.groups.Space(kg.groups.get("p4"), "p2"), kg.groups.Space.whole(kg.groups.get("p4"))
CALLS = {
    "group_conv": (lambda x: O.group_conv(x, KERNEL, "p4", padding="same"), ON_P4),
    "group_conv, lifting": (lambda x: O.group_conv(x, KERNEL[:, :, 0], "p4", strides=2), ON_PLANE),
    "group_conv, fourier": (
        lambda x: O.group_conv(x, KERNEL, "p4", implementation="fourier"),
        ON_P4,
    ),
    "quotient_conv": (lambda x: O.quotient_conv(x, KERNEL[:, :, :2], *SPACES, 3), (6, 6, 2, 2)),
    "group_conv_transpose": (
        lambda x: O.group_conv_transpose(x, np.swapaxes(KERNEL, -1, -2), "p4", strides=2),
        ON_P4,
    ),
    "group_depthwise_conv": (lambda x: O.group_depthwise_conv(x, KERNEL, "p4"), ON_P4),
    "group_dense": (lambda x: O.group_dense(x, KERNEL[0, 0], "p4"), ON_P4),
    "pointwise_conv": (lambda x: O.pointwise_conv(x, KERNEL[0, 0, 0], "p4"), ON_P4),
    "coset_pool": (lambda x: O.coset_pool(x, "p4", "p2"), ON_P4),
    "group_pool": (lambda x: O.group_pool(x, 2), ON_P4),
    "group_pool, blur": (
        lambda x: O.group_pool(x, 3, strides=2, padding="same", reduction="blur"),
        ON_P4,
    ),
    "global_group_pool": (lambda x: O.global_group_pool(x), ON_P4),
    "subset_pool": (lambda x: O.subset_pool(x, "p4", [((0, 1), 1)]), ON_P4),
    "subset_pool, strided": (
        lambda x: O.subset_pool(x, "p4", [((0, 1), 1)], strides=2, padding="same"),
        ON_P4,
    ),
    "restrict_group": (lambda x: O.restrict_group(x, "p4", "p2"), ON_P4),
    "group_pad": (lambda x: O.group_pad(x, 1), ON_P4),
    "group_crop": (lambda x: O.group_crop(x, 1), ON_P4),
    "group_upsample": (lambda x: O.group_upsample(x, 2), ON_P4),
    "add_bias": (lambda x: O.add_bias(x, np.ones(2, "float32")), ON_P4),
    "transform_feature_map": (lambda x: O.transform_feature_map(x, "p4", 1), ON_P4),
    "transform_filters": (lambda x: O.transform_filters(x[0], "p4"), KERNEL.shape),
    "transform_each": (
        lambda x: O.transform_each(x, "p4", ops.cast(x[:, 0, 0, 0] > 0, "int32") + 1),
        ON_PLANE,
    ),
    "rotate_image": (lambda x: O.rotate_image(x, 30), ON_PLANE),
    "square_to_hexagonal": (lambda x: O.square_to_hexagonal(x), ON_PLANE),
    "hexagonal_to_square": (lambda x: O.hexagonal_to_square(x), (5, 5, 2)),
    "offset_rows_to_hexagonal": (lambda x: O.offset_rows_to_hexagonal(x), (4, 5, 2)),
}
NO_TENSOR = {"transform_kernel"}  # it returns a `TransformedKernel`


def test_no_function_is_left_out():
    assert {name.split(",")[0] for name in CALLS} == set(O.__all__) - NO_TENSOR


def open_sizes(shape):
    return None, None, *shape[2:]


# These move an image about its centre, find its points on another lattice, or need a whole filter.
WITH_KNOWN_SIZES = [
    *("transform_feature_map", "transform_each", "rotate_image"),
    *("square_to_hexagonal", "hexagonal_to_square", "offset_rows_to_hexagonal"),
    "transform_filters",
]
if keras.backend.backend() == "jax":  # which reshapes no sums of open sizes
    WITH_KNOWN_SIZES.append("group_conv, fourier")


@pytest.mark.parametrize(
    ("name", "sizes"),
    [(name, tuple) for name in CALLS]
    + [(name, open_sizes) for name in CALLS if name not in WITH_KNOWN_SIZES],
)
def test_it_is_the_function(name, sizes):
    call, shape = CALLS[name]
    inputs = keras.Input(sizes(shape))
    outputs = call(inputs)
    assert isinstance(outputs, keras.KerasTensor)
    x = random(2, *shape)
    expected = ops.convert_to_numpy(call(ops.convert_to_tensor(x)))
    known = zip(outputs.shape, expected.shape, strict=True)
    assert all(n in (None, actual) for n, actual in known)
    oracle.assert_close(ops.convert_to_numpy(keras.Model(inputs, outputs)(x)), expected)


def with_unknown_sizes(call):
    """The function, traced once for maps on p4 of two channels and of any size."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(call, input_signature=[tf.TensorSpec((1, None, None, 4, 2))])
    import jax
    from jax import export

    shape = export.symbolic_shape("1, h, w, 4, 2", constraints=["h >= 3", "w >= 3"])
    return export.export(jax.jit(call))(jax.ShapeDtypeStruct(shape, "float32")).call


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch knows all sizes")
@pytest.mark.parametrize("name", ["group_pool, blur", "subset_pool, strided"])
@pytest.mark.parametrize("size", [6, 7])
def test_padding_follows_a_size_that_is_not_known_yet(name, size):
    call, _ = CALLS[name]
    x = random(1, size, size, 4, 2)
    found = with_unknown_sizes(call)(ops.convert_to_tensor(x))
    oracle.assert_close(ops.convert_to_numpy(found), ops.convert_to_numpy(call(x)))


def test_a_model_of_functions_is_saved(tmp_path):
    inputs = keras.Input((None, None, 4, 2))
    model = keras.Model(inputs, O.coset_pool(O.group_pool(inputs, 2), "p4", reduction="mean"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = random(2, *ON_P4)
    assert np.array_equal(ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x)))
    names = [type(operation).__name__ for operation in loaded.operations[1:]]
    assert names == ["GroupPoolOperation", "CosetPoolOperation"]


def test_errors_say_what_was_received():
    with pytest.raises(ValueError, match="`padding` must be one of"):
        O.group_conv(keras.Input(ON_P4), KERNEL, "p4", padding="round")
