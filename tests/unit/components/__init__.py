"""Tests of `components` without a page: arrays and strings in, HTML, figures and messages out.
Pages are opened in `tests/app`.
"""
