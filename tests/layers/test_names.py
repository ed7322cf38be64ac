import copy

import pytest

import keras_gcnn as kg


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("GroupReLU", "Use keras.layers.ReLU, which keeps equivariance."),
        ("GroupPReLU", "Use keras.layers.PReLU, which keeps equivariance, if space and H"),
        ("GroupFlatten", "Use CosetPooling2D, and keras.layers.Flatten after it."),
        ("GroupConv2d", "Use GroupConv2D."),
        ("GroupUpsampling2D", "Use GroupUpSampling2D."),
        ("GroupConv2DTransposed", "Use GroupConv2DTranspose."),
        ("CosetPooling", "Use CosetPooling2D."),
        ("LiftConv2D", "Use LiftingConv2D."),
        ("P4MConvZ2", r"Use LiftingConv2D\(…, group='p4m'\)."),
        ("TurnedImage", "Use RotatedImage."),
        ("GroupGlobalAveragePooling2D", "Use GlobalGroupAveragePooling2D."),
        ("Zebra", "has no 'Zebra'.$"),
    ],
)
def test_a_name_that_does_not_exist_answers_with_its_counterpart(name, answer):
    with pytest.raises(AttributeError, match=answer):
        getattr(kg.layers, name)


def test_what_asks_for_special_names_gets_its_error():
    assert not hasattr(kg.layers, "__wrapped__")
    assert copy.copy(vars(kg.layers))
