"""Tests of `model.recall`. Nothing here opens a page."""
