"""The version of the library, read by the build and by ``fastml.__version__``."""

__version__ = "0.2.0"
