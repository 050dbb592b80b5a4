"""The front door: the `opsroom` command, one module a family of subcommands, each loaded when it is used."""

__version__ = "0.1.0"
