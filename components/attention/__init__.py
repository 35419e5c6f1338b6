"""The Attention page: all heads, one map, one query, one weight, bertviz. No attention is
computed here.
"""
