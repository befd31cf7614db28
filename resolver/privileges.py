"""Giving up root, once every socket is bound."""

from __future__ import annotations

import os
import pwd

NOBODY_ELSE = "only root can become somebody else; start as root, or leave 'user' out"


class CannotBecome(Exception):
    """The message says why, in one line."""


def become(name: str) -> None:
    """Be this user with its groups from now on, for good; raises CannotBecome."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise CannotBecome(f"there is no user {name!r}") from None
    if os.getuid() == os.geteuid() == user.pw_uid:
        return
    if os.geteuid() != 0:
        raise CannotBecome(f"cannot become {name!r}: {NOBODY_ELSE}")
    try:
        os.setgroups(os.getgrouplist(name, user.pw_gid))
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    except OSError as error:  # in a container without the capability
        raise CannotBecome(f"cannot become {name!r}: {error.strerror}") from None
