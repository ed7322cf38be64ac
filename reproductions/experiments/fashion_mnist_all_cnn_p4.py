"""All-CNN-C on p4, narrow, 5,500 images of Fashion-MNIST: strides as published.

python -m reproductions run fashion_mnist_all_cnn_p4 --preset paper
"""

from reproductions.bases import FASHION_MNIST_ALL_CNN

experiment = FASHION_MNIST_ALL_CNN.but(
    network_options={"group": "p4", "widths": (12, 24)},
    title="All-CNN-C, p4",
    expected_error=20.62,
    wall_time="1 min, one GPU, JAX",
)
