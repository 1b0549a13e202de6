"""The commands of hashdeep's family: their flags and their output, made from a scan of this program."""
