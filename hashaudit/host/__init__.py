"""The differences between machines and operating systems, with a fallback for each feature that only Linux has.

Nothing outside this package asks which system it runs on. Each feature is a function or a module attribute, so that a
test can remove it and check the fallback (docs/adr/0020-linux-features-in-host-package.md).
"""
