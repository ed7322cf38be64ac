"""Z2CNN on rotated MNIST: the planar baseline (paper, section 8.1).

python -m reproductions run rotated_mnist_z2cnn --preset paper
"""

from reproductions.bases import ROTATED_MNIST

experiment = ROTATED_MNIST.but(
    network="z2cnn",
    paper_row="Z2CNN",
    paper_error=5.03,
    expected_error=6.19,
    wall_time="2 min, one GPU, JAX",
)
