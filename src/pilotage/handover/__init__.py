"""What a coordinator and those who must do without it leave for each other in the state folder.

``rollouts/`` has the plan of each rollout that runs, ``direct/`` what was done about one without the coordinator.
"""
