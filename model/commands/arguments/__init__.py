"""What each subcommand of `python -m model` can be told, one file each, and nothing that loads
torch: `--help` answers at once. What a command does is in `model.commands`, under the same name.
"""
