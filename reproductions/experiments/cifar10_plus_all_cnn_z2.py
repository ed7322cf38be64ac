"""All-CNN-C on Z², CIFAR10+ (paper, table 2).

python -m reproductions run cifar10_plus_all_cnn_z2 --preset paper
"""

from reproductions.bases import ALL_CNN_Z2, CIFAR10_ALL_CNN

experiment = CIFAR10_ALL_CNN.but(
    network_options=ALL_CNN_Z2,
    augmentation="shift_and_flip",
    paper_row="All-CNN-C, Z², CIFAR10+",
    paper_error=8.86,
)
