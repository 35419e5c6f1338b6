"""The modules that enter a run of GPT-2: recurrent memory, the EDM's slots, LoRA, and the hooks
that put them there. No prompt, no session and no training lives here.
"""
