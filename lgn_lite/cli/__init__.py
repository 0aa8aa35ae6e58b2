"""The command line, `lgn-lite`: a file per group of commands."""
