"""Layers in one and three dimensions: whose counterparts they are, and their docstrings."""

import re

import keras

from keras_gcnn.layers.base_layer import AXES_OF_SPACE

_COUNTS = {1: "Integer", 3: "Integer or three"}
_GROUPS = {1: '`"pm"` (the mirror)', 3: '`"O"` (the turns of the cube) or `"Oh"` (and its mirrors)'}
_GROUP_NAMES = {1: {"p4": "pm", "p4m": "pm"}, 3: {"p4": "C4", "p4m": "D4", "p2": "C2"}}
_PAIRS = {
    1: "Integer or a pair (front, behind)",
    3: "Integer, three of them, or three pairs (front, behind)",
}
_COUNTERPARTS: dict[tuple[type, int], type] = {}


def counterpart(planar, dimension):
    """The 1-D or 3-D counterpart of a 2-D layer; in two dimensions, the layer itself."""
    return planar if dimension == 2 else _COUNTERPARTS[planar, dimension]


def like(planar):
    """Registers a layer, and adds the docstring of its counterpart in two dimensions to its own."""

    def decorate(layer_class):
        _COUNTERPARTS[planar, layer_class.dimension] = layer_class
        text = _in_dimension(planar.__doc__ or "", layer_class.dimension)  # none with -OO
        layer_class.__doc__ = f"{layer_class.__doc__}\n\n    {text}"
        return keras.saving.register_keras_serializable(package="keras_gcnn")(layer_class)

    return decorate


def _in_dimension(text, dimension):
    """The docstring, without what holds only in two dimensions."""
    axes, rank = AXES_OF_SPACE[dimension], dimension + 3
    text = re.sub(
        r"    >>>.*?(?=\n\n|\Z)", lambda found: _example(found[0], dimension), text, flags=re.S
    )
    text = re.sub(r"\n    A stock `keras.*?(?=\n\n)", "", text, flags=re.DOTALL)
    text = re.sub(r"Integer, two of them, or two pairs \(\(.*?\)\)", _PAIRS[dimension], text)
    text = re.sub(r'`"bilinear"` takes.*? Both are', "This is", text, flags=re.DOTALL)
    text = text.replace(' or `"bilinear"`', "")
    text = re.sub(r" To drop whole maps use\s+`SpatialDropout3D`\.", "", text)
    text = re.sub(
        r'`"p4"`\s+\(quarter turns\) or `"p4m"`\s+\(and mirrors\)', _GROUPS[dimension], text
    )
    for old, new in (
        ("new_height, new_width", ", ".join(f"new_{axis}" for axis in axes)),
        ("height, width", ", ".join(axes)),
        ("height and width", " and ".join(axes)),
        ("kh·kw", "·".join(f"k{axis[0]}" for axis in axes)),
        ("kh, kw", ", ".join(f"k{axis[0]}" for axis in axes)),
        ("1, 1, 1, C", ", ".join(["1"] * (dimension + 1)) + ", C"),
        ("C, 1, 1, 1", "C, " + ", ".join(["1"] * (dimension + 1))),
        ("Integer or two", _COUNTS[dimension]),
        ("rank 5", f"rank {rank}"),
        ("dimension=2", f"dimension={dimension}"),
        ("2D", f"{dimension}D"),
    ):
        text = text.replace(old, new)
    return text


def _example(lines, dimension):
    """An example, on volumes or signals, with a group of that dimension."""
    for old, new in _GROUP_NAMES[dimension].items():
        lines = lines.replace(f'"{old}"', f'"{new}"')
    if dimension == 3:
        return re.sub(r"\((\d+), (\d+), \2,", r"(\1, \2, \2, \2,", lines)
    lines = re.sub(r"\n    >>> [^\n]*subgroup[^\n]*\n[^\n]*", "", lines)
    return re.sub(r"\((\d+), (\d+), \2, ([48](?=, ))?", _on_the_line, lines)


def _on_the_line(found):
    return f"({found[1]}, {found[2]}, " + ("2" if found[3] else "")
