"""Data sets as TFDS builders, and the tf.data pipelines that feed every Keras backend."""
