"""P4CNNRotationPooling on rotated MNIST, trained as the paper's authors did (docs/deviations.md).

python -m reproductions run rotated_mnist_p4cnn_rotation_pooling_original --preset paper
"""

from reproductions.bases import ROTATED_MNIST_ORIGINAL

experiment = ROTATED_MNIST_ORIGINAL.but(
    network="p4cnn_rotation_pooling",
    paper_row="P4CNNRotationPooling",
    paper_error=3.21,
    expected_error=4.06,
    wall_time="2 min, one GPU, JAX",
)
