"""All-CNN-C on p4m, narrow, 5,500 images of Fashion-MNIST: pooling in place of strides.

python -m reproductions run fashion_mnist_all_cnn_p4m_pooling --preset paper
"""

from reproductions.bases import FASHION_MNIST_ALL_CNN

experiment = FASHION_MNIST_ALL_CNN.but(
    network_options={"group": "p4m", "widths": (8, 17), "downsampling": "pooling"},
    title="All-CNN-C, p4m, pooling",
    expected_error=23.44,
    wall_time="1 min, one GPU, JAX",
)
