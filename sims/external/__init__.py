"""Other packages' manipulation environments in the suite's contract. Nothing of theirs is imported
before one of them is made.
"""
