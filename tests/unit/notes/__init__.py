"""Tests of `model.notes`. Nothing here opens a page."""
