"""The kinds of `probe`, a module each: HELP, `add_arguments(parser)` and `handle(command, options)`."""
