"""What workers and checks run in, and what they see of the machine there."""
