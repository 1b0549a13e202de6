"""What differs between machines and systems, with a fallback for each thing that only Linux has.

Nothing outside this package asks which system it runs on. Each feature is a function or a module attribute, so that a
test takes it away and sees the fallback (docs/adr/0020-linux-features-in-host-package.md).
"""
