"""Absolute time beside the libraries with the same layers, each in an environment of its own."""
