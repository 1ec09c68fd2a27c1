"""Outlines of cells that another program or a person drew: label images, ImageJ ROI, GeoJSON; read and written."""
