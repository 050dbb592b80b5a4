"""The subcommands, by family. Each module imports at its top only what every command in it needs."""
