"""Tests of `model.analysis`. Nothing here opens a page."""
