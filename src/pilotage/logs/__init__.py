"""Log bytes from sources to counted signatures: what `pilotage logs` and a rollout's watch share."""
