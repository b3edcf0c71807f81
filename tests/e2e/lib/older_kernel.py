"""Becomes the program of its arguments, for which the kernel has no memfd_secret(2), as before Linux 5.14."""

import ctypes
import errno
import os
import struct
import sys

MEMFD_SECRET = 447
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000


def forbid(call):
    rules = b"".join(struct.pack("HBBI", *rule) for rule in (
        (0x20, 0, 0, 0),                          # load the number of the call
        (0x15, 0, 1, call),                       # not that one: skip
        (0x06, 0, 0, RET_ERRNO | errno.ENOSYS),
        (0x06, 0, 0, RET_ALLOW)))
    buffer = ctypes.create_string_buffer(rules)
    program = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    forbid(MEMFD_SECRET)
    os.execv(sys.argv[1], sys.argv[1:])
