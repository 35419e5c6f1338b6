"""The Residual stream page: norms, lens, attribution, ablation, neurons. Only `run` computes
anything here.
"""
