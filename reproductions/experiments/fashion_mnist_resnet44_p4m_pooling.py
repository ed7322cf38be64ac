"""ResNet44 on p4m, narrow, 2,750 images of Fashion-MNIST: pooling in place of strides.

python -m reproductions run fashion_mnist_resnet44_p4m_pooling --preset paper
"""

from reproductions.bases import FASHION_MNIST_RESNET

experiment = FASHION_MNIST_RESNET.but(
    network_options={"group": "p4m", "widths": (3, 6, 11), "downsampling": "pooling"},
    epochs=25,
    title="ResNet44, p4m, pooling",
    expected_error=25.79,
    wall_time="4 min, one GPU, JAX",
)
