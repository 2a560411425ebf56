"""The command `assay` as a user has it: processes, files, exit codes, real sockets."""
