"""P4CNN on rotated MNIST with P8CNN's schedule: what of its gain is the schedule's.

python -m reproductions run rotated_mnist_p4cnn_cosine --preset paper
"""

from reproductions.bases import ROTATED_MNIST_COSINE

experiment = ROTATED_MNIST_COSINE.but(
    title="P4CNN, P8CNN's schedule",
    expected_error=2.21,
    wall_time="1 min, one GPU, JAX",
)
