"""ResNet44 on Z², narrow, 2,750 images of Fashion-MNIST: pooling in place of strides.

python -m reproductions run fashion_mnist_resnet44_z2_pooling --preset paper
"""

from reproductions.bases import FASHION_MNIST_RESNET

experiment = FASHION_MNIST_RESNET.but(
    network_options={"group": "z2", "widths": (8, 16, 32), "downsampling": "pooling"},
    epochs=25,
    title="ResNet44, Z², pooling",
    expected_error=25.38,
    wall_time="3 min, one GPU, JAX",
)
