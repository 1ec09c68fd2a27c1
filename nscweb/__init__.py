"""nscweb: predicted fates of neural stem cells from brightfield imaging flow cytometry."""

__version__ = "0.7.0"
