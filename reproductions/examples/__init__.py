"""Worked examples on real pictures. Each is one command, and takes minutes on two cores."""
