"""Attempts as they run: their supervisors, processes, streams, and the machine that they share."""
