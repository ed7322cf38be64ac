"""P4CNN on rotated MNIST, trained as the paper's authors did (docs/deviations.md).

python -m reproductions run rotated_mnist_p4cnn_original --preset paper
"""

from reproductions.bases import ROTATED_MNIST_ORIGINAL

experiment = ROTATED_MNIST_ORIGINAL.but(
    paper_row="P4CNN",
    paper_error=2.28,
    expected_error=3.34,
    wall_time="2 min, one GPU, JAX",
)
