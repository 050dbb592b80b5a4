"""The control room: a Textual app that knows what the files of a state directory say, and nothing else."""
