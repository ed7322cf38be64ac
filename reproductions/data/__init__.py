"""Data sets and their tf.data pipelines."""
