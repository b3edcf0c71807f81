"""What the crash and fault proofs do to a vault: each story is a vault as it was before, one act of an
operator, and what a vault may look like after it."""

import itertools
from dataclasses import dataclass, field
from typing import Callable

from lib.http_socket import framed

ENVELOPE = [("content-type", "application/vnd.aivault.envelope")]
LONG = "v" * 3000  # More than one page.


def create(name, value, **more):
    return "POST", "/aivault/secrets", {"name": name, "value": value, "scope": "global", **more}


def secret_named(child, name):
    _, answer = child.request("GET", "/aivault/secrets?limit=1000")
    return next(item for item in answer.json()["items"] if item["name"] == name)["secretId"]


def values(contents):
    """name -> value, of what people made."""
    return {name: value[0].decode() for (scope, name), value in contents.secrets.items()
            if not name.startswith("__aivault_")}


def requests(*list_of):
    def act(child):
        answers = [child.request(*request) for request in list_of]
        return answers[-1]
    return act


def on_secret(name, method, tail, body=None):
    def act(child):
        return child.request(method, f"/aivault/secrets/{secret_named(child, name)}{tail}", body)
    return act


@dataclass
class Story:
    name: str
    act: Callable                       # (child) -> (status, answer); the last one is the act
    before: list = field(default_factory=list)   # requests that prepare the vault; [] with is_new
    is_new: bool = False                # there is no vault before
    # Of contents: what must be one way or the other, whole. None stands for: no vault.
    facts: Callable = values
    passphrase: str = None              # of the vault after the act, if it has one
    # Other states that a refused or interrupted act may leave: (before, after, found) -> bool
    steps: Callable = lambda before, after, found: False
    environment: dict = field(default_factory=dict)


SOME = [create("ALPHA", "alpha-value-1"), create("BETA", LONG, aliases=["b1", "b2"]),
        create("OPENAI_API_KEY", "sk-openai-value-1")]


def with_rows(*tables):
    return lambda contents: (values(contents), [sorted(contents.rows[table]) for table in tables])


def with_versions(contents):
    return {name: (value, version) for (scope, name), (value, version, _) in contents.secrets.items()}


def with_key_of(kind):
    """Whether the vault has had this event; the keys themselves are random."""
    return lambda contents: (values(contents), kind in contents.kinds())


def one_after_another(before, after, found):
    """Each name a change of its own: any of them may have failed."""
    new = [name for name in after if after[name] != before.get(name)]
    choices = itertools.chain.from_iterable(itertools.combinations(new, count) for count in range(len(new)))
    return any(found == {**before, **{name: after[name] for name in done}} for done in choices)


def import_entries(child):
    status, answer = child.request("POST", "/aivault/secrets/import", {"scope": "global", "entries": IMPORTED})
    # Answered with 200 whatever became of each: the command ends with 1 if one failed.
    return (500 if status < 300 and answer.json()["result"]["failed"] else status), answer


def rotate_master(**body):
    return requests(("POST", "/aivault/vault/rotate-master", body))


IMPORTED = [{"name": "ALPHA", "value": "alpha-from-file"}, {"name": "DELTA", "value": LONG},
            {"name": "STRIPE_SECRET_KEY", "value": "sk_live_from_file"}]
PASSPHRASE = "correct horse battery staple"

STORIES = [
    Story("init", requests(("POST", "/aivault/vault/init", {"provider": "file"})), is_new=True),
    Story("first-create", requests(create("FIRST", "first-value")), is_new=True),
    Story("create", requests(create("GAMMA", LONG, aliases=["g1"], rotateEveryDays=30)), SOME),
    Story("create-provisions", requests(create("ANTHROPIC_API_KEY", "sk-ant-1")), SOME,
          facts=with_rows("credentials")),
    Story("rotate", on_secret("BETA", "POST", "/rotate", {"value": "beta-value-2"}), SOME, facts=with_versions),
    Story("rename", on_secret("ALPHA", "PATCH", "", {"name": "OMEGA", "aliases": ["o1", "o2"]}), SOME),
    Story("delete", on_secret("OPENAI_API_KEY", "DELETE", ""), SOME, facts=with_rows("credentials")),
    Story("import-entries", import_entries, SOME, steps=one_after_another),
    Story("rotate-master", rotate_master(), SOME, facts=with_key_of("vault.rotate_master_key")),
    Story("rotate-to-passphrase", rotate_master(provider="passphrase", newPassphrase=PASSPHRASE), SOME,
          facts=with_key_of("vault.rotate_master_key"), passphrase=PASSPHRASE),
    Story("backup", requests(("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE})), SOME,
          facts=with_key_of("vault.backup")),
]
