"""The command line: one file for each command, effects and output only.

    __main__    the boundary: runs the group, turns every error into words and an exit code
    app         the group; knows each command by name and one line of help, and imports it when it is called
    command     what all commands share: --json, -C, examples in the help, and the `Call` they receive
    output      how commands speak: results to stdout, everything else to stderr

A command's module is named after it and holds one object, `command`. Starting the command line imports Click and
nothing heavy: the parts that a command needs are imported inside its function.
"""
