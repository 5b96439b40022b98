"""What people say about the GIL, each claim an experiment; `catalogue.CLAIMS` has them all.

Nothing is imported here: processes that an experiment starts import this package, and starting them is measured.
"""
