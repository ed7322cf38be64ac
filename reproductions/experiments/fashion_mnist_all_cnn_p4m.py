"""All-CNN-C on p4m, narrow, 5,500 images of Fashion-MNIST: strides as published.

python -m reproductions run fashion_mnist_all_cnn_p4m --preset paper
"""

from reproductions.bases import FASHION_MNIST_ALL_CNN

experiment = FASHION_MNIST_ALL_CNN.but(
    network_options={"group": "p4m", "widths": (8, 17)},
    title="All-CNN-C, p4m",
    expected_error=21.43,
    wall_time="2 min, one GPU, JAX",
)
