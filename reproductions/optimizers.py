"""The optimizers of the original experiments."""

import keras


def make(experiment, steps_per_epoch):
    """The Keras optimizer of an `Experiment`, its learning rate a function of the step."""
    rate = _schedule(experiment, steps_per_epoch)
    if experiment.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if experiment.optimizer == "momentum":
        return MomentumWithL2(rate, l2=experiment.weight_decay)
    raise ValueError(
        f"`optimizer` must be 'adam' or 'momentum'. Received: optimizer={experiment.optimizer}."
    )


def _schedule(experiment, steps_per_epoch):
    rate, schedule = experiment.learning_rate, experiment.schedule
    if schedule == "constant":
        return rate
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, experiment.epochs * steps_per_epoch)
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        # Keras counts the step at a boundary to what is before, and the first step is 0.
        [epoch * steps_per_epoch - 1 for epoch in schedule],
        [rate * 0.1**drops for drops in range(len(schedule) + 1)],
    )


@keras.saving.register_keras_serializable(package="keras_gcnn_reproductions")
class MomentumWithL2(keras.optimizers.SGD):
    """SGD with momentum 0.9 on the loss plus ½ λ |w|².

    The penalty's gradient λ w goes through the momentum, as in the original experiments. Keras'
    `weight_decay` shrinks the weights beside the momentum, which is a tenth of it.

    Args:
        learning_rate: A number or a schedule.
        l2: λ.
    """

    def __init__(self, learning_rate=0.01, l2=0.0, momentum=0.9, **options):
        super().__init__(learning_rate, momentum=momentum, **options)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        gradient = keras.ops.cast(gradient, variable.dtype) + self.l2 * variable
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}
