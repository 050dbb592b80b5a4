"""What is done with git: worktrees, the repositories of workers, and the landing of changes."""
