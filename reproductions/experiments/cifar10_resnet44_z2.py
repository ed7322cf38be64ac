"""ResNet44 on Z², CIFAR10 (paper, table 2).

python -m reproductions run cifar10_resnet44_z2 --preset paper
"""

from reproductions.bases import CIFAR10_RESNET

experiment = CIFAR10_RESNET.but(
    network_options={"group": "z2", "depth": 44},
    paper_row="ResNet44, Z², CIFAR10",
    paper_error=9.45,
)
