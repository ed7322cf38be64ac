"""Low-rank adaptation (LoRA) of a kernel, as Keras' own convolutions have it."""

from typing import Any

from keras import initializers, ops

from keras_gcnn import arguments, stock
from keras_gcnn.annotations import Initializer, Integer, Number, Tensor


class LowRankKernel:
    """A layer whose kernel may be frozen, and trained by a product of two small matrices.

        ψ + lora_alpha / lora_rank · A·B,      A of `lora_rank` columns, B of as many rows

    The layer has the frozen kernel as `_kernel`. A subclass makes it in `build`, and calls
    `enable_lora` there if it has a `lora_rank`. A saved model holds the sum.
    """

    lora_enabled = False
    lora_rank: Any
    lora_alpha: Any

    @property
    def kernel(self) -> Tensor:
        """ψ, with its low-rank part where there is one."""
        return self._sum(self.compute_dtype) if self.lora_enabled else self._kernel

    def _sum(self, dtype):
        part = ops.matmul(self.lora_kernel_a, self.lora_kernel_b)
        return ops.cast(ops.add(self._kernel, self.lora_alpha / self.lora_rank * part), dtype)

    def enable_lora(
        self,
        rank: Integer,
        lora_alpha: Number | None = None,
        a_initializer: Initializer = "he_uniform",
        b_initializer: Initializer = "zeros",
    ) -> None:
        """Freezes the kernel, and trains a low-rank part of it.

        Args:
            rank: Integer, the rank of the product.
            lora_alpha: Number. The product is scaled by lora_alpha / rank. `None`: the rank.
            a_initializer: Of the matrix A.
            b_initializer: Of the matrix B.

        Raises:
            ValueError: If the layer is not built, has a kernel constraint, or has such a part.

        Reference: Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models".
        """
        rank = arguments.integer(rank, "rank")
        alpha = float(rank) if lora_alpha is None else arguments.number(lora_alpha, "lora_alpha")
        problem = self._no_lora_because()
        if problem:
            raise ValueError(f"{stock.named(self)} cannot have a low-rank part: {problem}")
        shape = tuple(self._kernel.shape)
        # float32, since sums of small steps underflow in half precision
        options = {"dtype": "float32", "regularizer": self.kernel_regularizer}
        was_locked = self._tracker.locked  # as it is once `build` has ended
        self._tracker.unlock()
        self.lora_kernel_a = self.add_weight(
            name="lora_kernel_a",
            shape=(*shape[:-1], rank),
            initializer=initializers.get(a_initializer),
            **options,
        )
        self.lora_kernel_b = self.add_weight(
            name="lora_kernel_b",
            shape=(rank, shape[-1]),
            initializer=initializers.get(b_initializer),
            **options,
        )
        self._kernel.trainable = False
        if was_locked:
            self._tracker.lock()
        self.lora_enabled, self.lora_rank, self.lora_alpha = True, rank, alpha

    def save_own_variables(self, store: Any) -> None:
        """Saves the sum as the kernel."""
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        for i, variable in enumerate(self.stored_variables()):
            is_kernel = variable is self._kernel
            store[str(i)] = self._sum(self.variable_dtype) if is_kernel else variable

    def load_own_variables(self, store: Any) -> None:
        """Loads the kernel, to which the low-rank part begins to add from 0."""
        if not self.lora_enabled:
            super().load_own_variables(store)
            return
        self.check_stored(store)
        for i, variable in enumerate(self.stored_variables()):
            variable.assign(store[str(i)])
        self.lora_kernel_b.assign(ops.zeros(self.lora_kernel_b.shape))

    def stored_variables(self) -> list[Any]:
        variables = super().stored_variables()
        if not self.lora_enabled:
            return variables
        parts = self.lora_kernel_a, self.lora_kernel_b
        return [v for v in variables if not any(v is part for part in parts)]

    def _no_lora_because(self):
        if not self.built:
            return "it is not built. Build it, or call it on an input, first."
        if self.lora_enabled:
            return f"it has one already, of rank {self.lora_rank}."
        if self.kernel_constraint is not None:
            return "it has a `kernel_constraint`, which the sum would break. Leave it out."
        return None
