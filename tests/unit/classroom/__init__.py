"""Tests of `model.classroom`. Nothing here opens a page; times are given, never looked at."""
