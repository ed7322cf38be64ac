"""ResNet26 on Z², CIFAR10 (paper, table 2).

python -m reproductions run cifar10_resnet26_z2 --preset paper
"""

from reproductions.bases import CIFAR10_RESNET

experiment = CIFAR10_RESNET.but(
    network_options={"group": "z2", "depth": 26},
    paper_row="ResNet26, Z², CIFAR10",
    paper_error=8.95,
)
