"""The system calls that a worker is refused, and the reasons.

Source: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

Numbers = tuple[int | None, int | None]
"""Numbers of a call on x86-64 and on aarch64; ``None`` if the machine does not have the call."""

NEWEST = 462
"""``mseal`` of Linux 6.10, the newest call that was reviewed. A worker gets ENOSYS for newer ones, which programs that
also run on older kernels handle."""

ABSENT: dict[str, Numbers] = {
    # Their arguments are in memory, which a filter cannot read. Libraries fall back to clone and openat.
    "clone3": (435, 435),
    "openat2": (437, 437),
}
"""Calls that get ENOSYS, as if the kernel did not have them."""

NETWORK = frozenset({"socket", "connect", "bind"})
"""Calls that a worker needs to read from a server itself; resolving a host name needs ``bind``. A socket's family is
checked. ``socketpair`` stays refused: a datagram socket of a pair can send to any Unix socket with a path."""

FILES = frozenset({"creat", "truncate", "ftruncate", "unlink", "unlinkat", "fchmod"})
"""Calls that a process with temporary files of its own needs."""

REFUSED: dict[str, Numbers] = {
    # New connections. Open ones (the connection to the parent) are read and written with other calls.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    # Incoming connections.
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    # New programs and processes. Threads are created with clone, whose flags are checked.
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    # Other processes: their memory, descriptors and signals.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "kcmp": (312, 272),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # Kernel subsystems with a history of vulnerabilities; a worker needs none of them.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "splice": (275, 76),
    "vmsplice": (278, 75),
    "tee": (276, 77),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "remap_file_pages": (216, 234),
    # Opening files without their paths, and watching files.
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    # Changes to files. Some need no descriptor that is open for writing, so landlock does not check them.
    "creat": (85, None),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "copy_file_range": (326, 285),
    # Locks on the scanned files, which other programs would wait for.
    "flock": (73, 32),
    "sync": (162, 81),
    "syncfs": (306, 267),
    # Memory outside the address space, and memory that outlives the process.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_notify": (244, 184),
    # Mounts, namespaces, swap and quotas.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    # The kernel and the machine.
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    # Identity: some of these would cancel the signal at the parent's death.
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "setgroups": (116, 159),
    "capset": (126, 91),
    # Scheduling, sessions and limits.
    "setrlimit": (160, 164),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "setpgid": (109, 154),
    "setsid": (112, 157),
}
"""Calls refused regardless of their arguments."""

CHECKED: dict[str, Numbers] = {
    "clone": (56, 220),
    "open": (2, None),
    "openat": (257, 56),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
}
"""Calls allowed or refused by their arguments."""
