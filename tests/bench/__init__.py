"""What things cost, measured; `python -m model bench` runs it. Nothing here passes or fails."""
