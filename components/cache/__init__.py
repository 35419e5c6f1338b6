"""The KV cache page: the cache growing, its bytes, its time, its policies. Memory beyond the cache
is in `memory`.
"""
