"""Every data set by its name."""

from functools import partial

from reproductions.data import cifar10, fashion_mnist, rotated_mnist
from reproductions.errors import DataError

LOADERS = {
    "cifar10": cifar10.load,
    "fashion_mnist": fashion_mnist.load,
    **{
        f"rotated_mnist/{config.name}": partial(rotated_mnist.load, config.name)
        for config in rotated_mnist.RotatedMnist.BUILDER_CONFIGS
    },
}


def load(name, places=None, fraction=1.0, batch_size=128, held_out=True):
    """The `Pipeline` of a data set.

    Args:
        name: Such as `"cifar10"`, or with a configuration after TFDS' custom,
            `"rotated_mnist/mnist_10k"`.
        places: A `Places`.
        fraction: The part of the training images to use, from the first on.
        batch_size: Images a batch.
        held_out: Whether some training images are held out, to validate on.

    Raises:
        DataError: If the name is unknown, or the source is missing or damaged.
    """
    if name not in LOADERS:
        raise DataError(f"There is no data set '{name}'. There are {', '.join(LOADERS)}.")
    return LOADERS[name](places=places, fraction=fraction, batch_size=batch_size, held_out=held_out)
