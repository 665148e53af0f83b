"""The command line: options, what a terminal shows, exit codes; a file per command."""
