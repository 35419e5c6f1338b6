"""Tests of `model.memory`. Nothing here opens a page."""
