"""The version, where it can be read without importing Keras."""

VERSION = "0.1.0"
