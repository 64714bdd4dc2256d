"""One rollout's page while it happens: looked at once, rendered once, told to everybody who has it open."""
