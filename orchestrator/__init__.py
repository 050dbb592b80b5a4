"""Consumes commands, runs workers in git worktrees, verifies and lands what they did.

What decides (`schedule`, `campaigns.plan`) is pure and takes a snapshot; what acts is thin and has no opinions.
"""
