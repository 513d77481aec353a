"""Tensor models of scientific data as cached, inspectable workflow stages."""
