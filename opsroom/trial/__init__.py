"""One tiny real task for an agent, in a scratch repository, by the real orchestrator: whether it works here."""
