"""P8CNN on rotated MNIST: our own, with P4CNN's weights.

python -m reproductions run rotated_mnist_p8cnn --preset paper
"""

from reproductions.bases import ROTATED_MNIST_COSINE

experiment = ROTATED_MNIST_COSINE.but(
    network="p8cnn",
    title="P8CNN (ours)",
    expected_error=1.80,
    wall_time="1 min, one GPU, JAX",
)
