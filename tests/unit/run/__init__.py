"""Tests of `model.run`. Nothing here opens a page."""
