"""What formats share: planes, limits on pixels, the layout of TIFF, JPEG and HDF5 files."""
