"""Two runs side by side: where their streams differ, and which value of one prompt brings the other back.

Never: how a patch is run. That is model.analysis.patching."""
