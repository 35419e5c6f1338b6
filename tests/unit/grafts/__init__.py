"""Tests of `model.grafts`. Nothing here opens a page."""
