"""The tables of Cohen & Welling (2016), complete. Errors in percent; `None` where there is none."""

ROTATED_MNIST = {  # table 1: method -> test error
    "Larochelle et al. (2007)": 10.38,
    "Sohn & Lee (2012)": 4.2,
    "Schmidt & Roth (2012)": 3.98,
    "Z2CNN": 5.03,
    "P4CNNRotationPooling": 3.21,
    "P4CNN": 2.28,
}

CIFAR10 = {  # table 2: network, group -> CIFAR10, CIFAR10+, millions of parameters
    ("All-CNN-C", "Z²"): (9.44, 8.86, 1.37),
    ("All-CNN-C", "p4"): (8.84, 7.67, 1.37),
    ("All-CNN-C", "p4m"): (7.59, 7.04, 1.22),
    ("ResNet44", "Z²"): (9.45, 5.61, 2.64),
    ("ResNet44", "p4m"): (6.46, 4.94, 2.62),
    ("ResNet26", "Z²"): (8.95, 5.27, 7.24),
    ("ResNet26", "p4m"): (5.74, 4.19, 7.17),
}

CIFAR10_OTHERS = {  # the paper's comparison with other methods -> CIFAR10, CIFAR10+
    "Maxout": (11.68, 9.38),
    "DropConnect": (None, 9.32),
    "NiN": (10.41, 8.81),
    "DSN": (9.69, 7.97),
    "All-CNN-C": (9.07, 7.25),
    "Highway nets": (None, 7.6),
    "ELU": (None, 6.55),
    "Generalized pooling": (7.62, 6.05),
    "ResNet1001": (None, 4.62),
    "ResNet101": (None, 6.43),
    "Wide ResNet 28": (None, 4.17),
    "p4m-ResNet26": (5.74, 4.19),
}
