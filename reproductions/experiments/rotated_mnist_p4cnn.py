"""P4CNN on rotated MNIST: every convolution on p4 (paper, section 8.1).

python -m reproductions run rotated_mnist_p4cnn --preset paper
"""

from reproductions.bases import ROTATED_MNIST

experiment = ROTATED_MNIST.but(
    paper_row="P4CNN",
    paper_error=2.28,
    expected_error=2.45,
    wall_time="2 min, one GPU, JAX",
)
