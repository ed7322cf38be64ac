"""Images at other points of the plane, by bilinear interpolation."""

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.ops.resizing import padded


def resampled(images, matrix, data_format, size=None, fill_mode="constant"):
    """o(x) = f(A·x) for points (row, column), counted from the middle of f and of o.

    Args:
        images: f, a batch of images of a known size.
        matrix: A, two rows of two numbers.
        data_format: Of both.
        size: Height and width of o. `None`: those of f.
        fill_mode: What lies outside of f: `"constant"`, zeros, or `"nearest"`, its edge.
    """
    old = arguments.image_size(images.shape, data_format)
    size = old if size is None else size
    room = tuple(map(max, old, size))  # since Keras' result is of the size of its input
    images = padded(images, [(0, m - n) for n, m in zip(old, room, strict=True)], data_format)
    middle, new = ([(n - 1) / 2 for n in shape] for shape in (old, size))
    rows, columns = (
        (*row, centre - sum(a * x for a, x in zip(row, new, strict=True)))
        for row, centre in zip(matrix, middle, strict=True)
    )
    # Keras counts (x, y), columns first.
    transform = [columns[1], columns[0], columns[2], rows[1], rows[0], rows[2], 0.0, 0.0]
    transform = ops.convert_to_tensor([transform], dtype="float32")
    y = ops.image.affine_transform(
        images,
        ops.tile(transform, (ops.shape(images)[0], 1)),
        interpolation="bilinear",
        fill_mode=fill_mode,
        data_format=data_format,
    )
    return padded(y, [(0, n - m) for n, m in zip(size, room, strict=True)], data_format)
