"""Photorealistic manipulation of the facial emotion in a video, with label-noise-aware training on MEAD."""

__version__ = "0.1.0"
