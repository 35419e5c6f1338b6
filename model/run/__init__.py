"""One run of a model: the tap, the trace, the engine, tokens, sampling, generation and the KV
cache with its policies. Nothing here loads a model, knows a memory's state, or explains a run.
"""
