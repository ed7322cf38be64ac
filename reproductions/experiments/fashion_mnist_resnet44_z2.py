"""ResNet44 on Z², narrow, 2,750 images of Fashion-MNIST: strides as published.

75 epochs, for Z² and p4m alike, were chosen after 25 had left both undertrained, with p4m ahead on
upright test images only; `--epochs 25` gives those. 15 epochs in batches of 64 came before.

python -m reproductions run fashion_mnist_resnet44_z2 --preset paper
"""

from reproductions.bases import FASHION_MNIST_RESNET

experiment = FASHION_MNIST_RESNET.but(
    network_options={"group": "z2", "widths": (8, 16, 32)},
    title="ResNet44, Z²",
    expected_error=19.78,
    wall_time="6 min, one GPU, JAX",
)
