"""Z2CNN on rotated MNIST, trained as the paper's authors did (docs/deviations.md).

python -m reproductions run rotated_mnist_z2cnn_original --preset paper
"""

from reproductions.bases import ROTATED_MNIST_ORIGINAL

experiment = ROTATED_MNIST_ORIGINAL.but(
    network="z2cnn",
    epochs=300,
    paper_row="Z2CNN",
    paper_error=5.03,
    expected_error=5.91,
    wall_time="5 min, one GPU, JAX",
)
