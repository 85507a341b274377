"""Geometry -> pixels: rasteriser, conditioning images, shading, mesh warp and blending (numpy and numba, CPU)."""
