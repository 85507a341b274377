"""Pixels and sound in and out: the only importer of PyAV and of OpenCV's codecs."""
