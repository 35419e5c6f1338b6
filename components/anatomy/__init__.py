"""The Anatomy page: the checkpoint's map, its tensors, the shape tour, the size of any GPT. No
checkpoint is read here.
"""
