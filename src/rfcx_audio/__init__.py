"""Find species in sound with many species, few labels and noisy ones."""

__version__ = "0.1.0"
