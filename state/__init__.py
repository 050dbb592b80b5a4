"""The file protocol of the state directory, and nothing else: it knows no agent, no git, no screen.

`docs/protocol.md` is the contract that this package implements.
"""
