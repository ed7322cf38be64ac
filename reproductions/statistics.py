"""Means and variances of batch normalization, computed again for a trained network."""

import keras


def recompute(model, batches):
    """Sets the moving statistics to the means of those of these batches.

    Dropout acts as in training, as it did in the original experiments.

    Args:
        model: A built model.
        batches: `(images, labels)`.
    """
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    kept = [layer.momentum for layer in layers]
    for count, (images, _) in enumerate(batches, start=1):
        for layer in layers:
            layer.momentum = 1 - 1 / count  # the n-th batch counts 1/n
        model(keras.ops.convert_to_tensor(images.numpy()), training=True)
    for layer, momentum in zip(layers, kept, strict=True):
        layer.momentum = momentum
