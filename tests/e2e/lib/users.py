"""Two OS users for a test: made when we are root, removed when it ends."""

import os
import pwd
import subprocess


def may_make_users():
    return os.geteuid() == 0


class TemporaryUser:
    def __init__(self, name):
        self.name = name
        subprocess.run(["userdel", name], capture_output=True)
        subprocess.run(["useradd", "--create-home", "--base-dir", "/tmp", "--shell", "/bin/sh", name],
                       check=True, capture_output=True)
        entry = pwd.getpwnam(name)
        self.uid, self.gid, self.home = entry.pw_uid, entry.pw_gid, entry.pw_dir

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["userdel", "--remove", self.name], capture_output=True)

    def popen_arguments(self):
        """For subprocess: become this user, with its one group."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}
