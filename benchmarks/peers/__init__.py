"""Compares absolute times with other libraries, each in an environment of its own."""
