"""Two prompts on one model: where their streams differ, and which value of one brings the other back.

Never: how a patch is run. That is model.analysis.patching."""
