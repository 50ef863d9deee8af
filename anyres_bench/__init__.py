"""anyres-bench: collect, measure and compare image generators of any resolution."""

__version__ = "0.1.0"

__all__ = ["__version__"]
