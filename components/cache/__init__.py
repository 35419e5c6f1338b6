"""The KV cache page: the cache growing, its bytes, its time, its policies. What a conversation
remembers beyond its cache is `memory`.
"""
