"""Tests of `model.training`. Nothing here opens a page."""
