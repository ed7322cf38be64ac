"""P4CNNRotationPooling on rotated MNIST: pools rotations at every layer (paper, section 8.1).

python -m reproductions run rotated_mnist_p4cnn_rotation_pooling --preset paper
"""

from reproductions.bases import ROTATED_MNIST

experiment = ROTATED_MNIST.but(
    network="p4cnn_rotation_pooling",
    quick={"epochs": 6, "augmentation": None, "seeds": (0,), "test_angles": 0},
    paper_row="P4CNNRotationPooling",
    paper_error=3.21,
    expected_error=3.25,
    wall_time="3 min, one GPU, JAX",
)
