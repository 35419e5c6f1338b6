"""What a conversation leaves in memory, and how it is told, asked, bounded and kept: state comes
in, state goes out. No probe, no training and nothing a page shows lives here.
"""
