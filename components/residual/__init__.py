"""The Residual stream page: norms, lens, attribution, ablation, neurons. No stream is computed
here but in `run`.
"""
