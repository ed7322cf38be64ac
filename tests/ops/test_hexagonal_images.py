"""Images from the square lattice and from offset rows, against points in the plane."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import hexagons, oracle

both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])


def back(x, data_format):
    x = ops.convert_to_numpy(x)
    return x if data_format == "channels_last" else np.moveaxis(x, 1, -1)


def plane(rows, columns):
    """A function that is linear, so that interpolation is exact, in two channels."""
    return np.stack([2 + rows * 0.3 - columns * 0.1, rows * 0.0 - columns * 0.5 + 9], -1)


@both_formats
@pytest.mark.parametrize(("size", "spacing"), [((21, 21), 1.0), ((20, 25), 1.5), ((31, 24), 1.2)])
def test_square_images_are_sampled_at_the_points_of_the_lattice(size, spacing, data_format):
    rows, columns = np.indices(size)
    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    image = plane(rows, columns)[None].astype("float32")
    image = oracle.to_data_format(image, data_format, on_group=False)
    y = back(
        kg.ops.square_to_hexagonal(image, spacing=spacing, data_format=data_format), data_format
    )
    side = y.shape[1]
    expected = {
        z: plane(middle[0] + spacing * z.imag, middle[1] + spacing * z.real)
        for _, z in hexagons.places(side)
    }
    oracle.assert_close(y[0], hexagons.to_array(expected, side))
    reach = spacing * (side // 2 + 1)  # a larger hexagon would leave the image
    assert reach * hexagons.OMEGA.imag > middle[0] or reach > middle[1]


@both_formats
def test_back_on_the_square_lattice_it_is_the_image(data_format):
    rows, columns = np.indices((25, 25))
    image = oracle.to_data_format(plane(rows, columns)[None].astype("float32"), data_format, False)
    hexagonal = kg.ops.square_to_hexagonal(image, spacing=1.0, data_format=data_format)
    again = kg.ops.hexagonal_to_square(hexagonal, 25, data_format=data_format)
    again = back(again, data_format)[0]
    oracle.assert_close(again[6:19, 6:19], plane(rows, columns)[6:19, 6:19])
    assert (
        back(kg.ops.hexagonal_to_square(hexagonal, data_format=data_format), data_format).shape[1]
        < 25
    )


@both_formats
@pytest.mark.parametrize("shifted", ["odd", "even"])
@pytest.mark.parametrize("size", [(5, 5), (4, 7), (6, 3)])
def test_offset_rows_keep_every_value_at_its_place(size, shifted, data_format):
    image = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    x = oracle.to_data_format(image, data_format, on_group=False)
    y = back(kg.ops.offset_rows_to_hexagonal(x, shifted, data_format=data_format), data_format)

    def place(i, j):
        shift = 0.5 if (i % 2 == 1) == (shifted == "odd") else 0.0
        return complex(j + shift, i * hexagons.OMEGA.imag)

    middle = place(size[0] // 2, size[1] // 2)
    values = {hexagons.rounded(place(i, j) - middle): image[1, i, j] for i, j in np.ndindex(*size)}
    assert np.array_equal(y[1], hexagons.to_array(values, y.shape[1]).astype("float32"))
    assert np.count_nonzero(y[1]) == image[1].size
    small = kg.ops.offset_rows_to_hexagonal(x, shifted, radius=1, data_format=data_format)
    assert np.array_equal(
        back(small, data_format)[1], hexagons.to_array(values, 3).astype("float32")
    )


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="that library is for PyTorch")
def test_a_hexagonal_convolution_is_that_of_hexagdly():
    import hexagdly
    import torch

    # Its columns are shifted, so ours are its rows: its tensors are (batch, C, columns, rows).
    torch.manual_seed(0)
    theirs = hexagdly.Conv2d(2, 3, kernel_size=1, bias=False)
    size, middle = (9, 9), 4

    def of_theirs(x):  # (batch, rows, columns, C), even rows to the left
        y = theirs(torch.tensor(np.moveaxis(x, (1, 2, 3), (3, 2, 1)), dtype=torch.float32))
        return np.moveaxis(y.detach().numpy(), (1, 2, 3), (3, 2, 1))

    def axial(x):
        return ops.convert_to_numpy(kg.ops.offset_rows_to_hexagonal(x))

    kernel = np.zeros((7, 2, 3))
    for channel in range(2):  # what it makes of one point is its kernel, turned by 180°
        impulse = np.zeros((1, *size, 2))
        impulse[0, middle, middle, channel] = 1
        answer = axial(of_theirs(impulse))[0]
        centre = len(answer) // 2
        around = answer[centre - 1 : centre + 2, centre - 1 : centre + 2]
        kernel[:, channel] = np.array([around[place] for place, _ in hexagons.places(3)])[::-1]
    x = np.random.default_rng(0).normal(size=(2, *size, 2)).astype("float32")
    ours = kg.ops.group_conv(axial(x), kernel.astype("float32"), "p1_hexagonal", padding="same")
    ours = ops.convert_to_numpy(ours)[..., 0, :]
    is_there = axial(np.ones((1, *size, 1), "float32"))
    oracle.assert_close(ours * is_there, axial(of_theirs(x)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: kg.ops.square_to_hexagonal(x, spacing=0), "`spacing` must be above 0"),
        (lambda x: kg.ops.square_to_hexagonal(x, radius=-1), "`radius` must be an integer"),
        (lambda x: kg.ops.offset_rows_to_hexagonal(x, "left"), r"one of \['odd', 'even'\]"),
        (lambda x: kg.ops.hexagonal_to_square(x[0]), "of rank 4"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((1, 5, 5, 1), "float32"))
