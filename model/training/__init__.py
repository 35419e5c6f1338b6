"""Training of the embedded model: text and episodes in, a checkpoint folder out. Prints nothing."""
