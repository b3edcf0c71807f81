"""What is judged by the clock, on machines that stand still for seconds now and then."""


class TooSlow(AssertionError):
    """The only failure that is worth another attempt."""


def in_time(condition, *seen):
    if not condition:
        raise TooSlow(" ".join(map(str, seen)))


def one_of_three(attempt):
    """What is slow on its own account is so every time."""
    for _ in range(2):
        try:
            return attempt()
        except TooSlow as why:
            print(f"once more, because of: {why}", flush=True)
    return attempt()
