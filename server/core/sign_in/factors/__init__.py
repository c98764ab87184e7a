"""Each way to prove who one is, as a file of its own; the second ones have the names of `SecondStep`."""
