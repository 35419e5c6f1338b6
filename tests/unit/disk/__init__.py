"""Tests of `model.disk`. Nothing here opens a page."""
