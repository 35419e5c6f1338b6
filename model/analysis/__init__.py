"""What can be derived from a trace or a checkpoint: attention, the residual stream, lenses,
attributions, ablations, bytes and shapes. Nothing here knows memory, notes or pages.
"""
