"""Tests that need a CUDA GPU; skipped, with the reason, where there is none."""
