"""The Training page: choosing, starting and watching trainings, their lessons and cards. No
training runs here; it is a process of its own.
"""
