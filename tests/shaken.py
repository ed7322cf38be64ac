"""Models as after training."""

import numpy as np


def shaken(model, seed=0, scale=0.3):
    """The model with random weights of about this scale, and positive scales and variances."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else rng.normal(size=w.shape) * scale
            for w in model.get_weights()
        ]
    )
    return model
