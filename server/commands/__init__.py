"""The `countersign` command: running an instance, and what operators do at its command line.

`countersign admin` performs the same actions as the operators' HTTP API, directly on the database: whoever
may read the instance's settings and its key file is an operator. With `--json` it prints the same bodies.
Every command ends with 0 when it was done, 1 when it was refused, and 2 when it was called wrongly or a
setting is wrong.
"""
