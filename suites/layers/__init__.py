"""Layers and modules that the optimizations put in place. These import torch."""
