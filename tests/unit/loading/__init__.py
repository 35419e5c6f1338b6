"""Tests of `model.loading`. Nothing here opens a page."""
