"""All-CNN-C on Z², narrow, 5,500 images of Fashion-MNIST: strides as published.

python -m reproductions run fashion_mnist_all_cnn_z2 --preset paper
"""

from reproductions.bases import FASHION_MNIST_ALL_CNN

experiment = FASHION_MNIST_ALL_CNN.but(
    network_options={"group": "z2", "widths": (24, 48)},
    title="All-CNN-C, Z²",
    expected_error=25.28,
    wall_time="1 min, one GPU, JAX",
)
