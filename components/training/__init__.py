"""The Training page: choosing, starting and watching trainings, their lessons and cards. A training
does not run here; it is a process of its own.
"""
