"""Going back without coordinator, database and engine: a plan, its drivers, and nothing else.

Kept light: from the command to the first driver call there is a second at most.
"""
