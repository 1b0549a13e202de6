"""The values that pass between the zones: frozen, slotted, without I/O.

They are msgspec structs, not dataclasses, because a worker's answers cross the process boundary as data with a fixed
schema and are never unpickled (docs/adr/0003-messagepack-between-processes.md). ``array_like`` keeps them small on the
wire.
"""
