"""Files that nobody wrote by hand: whatever they say, one sentence. Nothing here opens a page."""
