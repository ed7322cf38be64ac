"""Error messages for layer names that do not exist."""

import difflib

import keras

from keras_gcnn import stock

# Names of other libraries, of release 0.1, and of what has another form here.
OTHERS = {
    "TurnedImage": "RotatedImage",
    "GroupPooling2D": "CosetPooling2D, or GroupMaxPooling2D over space",
    "GroupPool": "CosetPooling2D",
    "GroupFlatten": "CosetPooling2D, and keras.layers.Flatten after it",
    "GroupGlobalMaxPooling2D": "GlobalGroupMaxPooling2D",
    "GroupGlobalAveragePooling2D": "GlobalGroupAveragePooling2D",
    "GConv2D": "LiftingConv2D for images, and GroupConv2D after it",
    "GConv2DTranspose": "GroupConv2DTranspose",
    "GBatchNorm": "GroupBatchNormalization",
    "P4ConvZ2": "LiftingConv2D(…, group='p4')",
    "P4ConvP4": "GroupConv2D(…, group='p4')",
    "P4MConvZ2": "LiftingConv2D(…, group='p4m')",
    "P4MConvP4M": "GroupConv2D(…, group='p4m')",
    "GroupNormalization2D": "keras.layers.GroupNormalization, with the channels as its axis",
}


def no_layer(name, known):
    """The `AttributeError` for a name, with its counterpart where there is an obvious one."""
    message = f"keras_gcnn.layers has no {name!r}."
    counterpart = OTHERS.get(name) or _stock_counterpart(name) or _near(name, known)
    return AttributeError(f"{message} Use {counterpart}." if counterpart else message)


def _stock_counterpart(name):
    """A stock layer that acts on maps on the group, for `name` with "Group" before it."""
    plain = name.removeprefix("Group")
    if plain == name or not hasattr(keras.layers, plain):
        return None
    row = next((row for row in stock.TABLE if plain in row.kinds), None)
    if row is None or row.effect == "breaks":
        return None
    condition = f", if {row.says}" if row.effect == "condition" else ""
    return f"keras.layers.{plain}, which keeps equivariance{condition}"


def _near(name, known):
    lower = {own.lower(): own for own in known}
    near = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.7)
    if not any(character.isdigit() for character in name):
        near.sort(key=lambda found: "2d" not in found)
    return lower[near[0]] if near else None
