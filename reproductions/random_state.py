"""The state of random generators that Keras does not keep in variables.

Keras' dropout draws from PyTorch's own generator there, so a checkpoint needs its state.
"""

import json
import random

import keras
import numpy as np


def get():
    """The states as a dict of arrays."""
    name, keys, *rest = np.random.get_state()
    states = {
        "python": np.array(json.dumps(random.getstate())),
        "numpy": np.array(json.dumps([name, keys.tolist(), *rest])),
    }
    if keras.backend.backend() == "torch":
        import torch

        states["torch"] = torch.get_rng_state().numpy()
        for i in range(torch.cuda.device_count()):
            states[f"cuda{i}"] = torch.cuda.get_rng_state(i).numpy()
    return states


def set(states):
    """Puts the generators into the states that `get` gave."""
    version, internal, gauss = json.loads(str(states["python"]))
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(json.loads(str(states["numpy"]))))
    if keras.backend.backend() == "torch":
        import torch

        torch.set_rng_state(torch.from_numpy(states["torch"].copy()))
        for i in range(torch.cuda.device_count()):
            if f"cuda{i}" in states:
                torch.cuda.set_rng_state(torch.from_numpy(states[f"cuda{i}"].copy()), i)
