"""Tests of `model.commands`. Nothing here opens a page."""
