"""The paper's experiments: data sets, training, results."""
