"""`coinpurse staff …`: who may come to the support console."""

import json

from serving import invoke


def test_staff(database_url: str) -> None:
    """Added, listed, given another role and password, shut out and let in again; refusals say what to do."""
    env = {"COINPURSE_DATABASE_URL": database_url}

    def run(*arguments: str, code: int = 0) -> str:
        done = invoke("staff", *arguments, **env)
        assert done.exit_code == code, done.output
        return done.output

    assert "Nobody yet" in run("list")
    made = json.loads(run("add", "Ann@x.test", "--role", "agent", "--json"))
    assert (made["email"], made["role"], len(made["password"]) > 20) == ("ann@x.test", "agent", True)
    assert "already" in run("add", "ann@x.test", "--role", "lead", code=1)
    assert "bob@x.test is viewer now." in run("add", "bob@x.test", "--role", "viewer", "--no-password")
    assert run("role", "ann@x.test", "lead") == "ann@x.test is lead now.\n"
    other = json.loads(run("password", "ann@x.test", "--json"))["password"]
    assert other not in (None, made["password"])
    assert "can't sign in any more" in run("disable", "ann@x.test")
    listed = run("list")
    assert "ann@x.test  lead" in listed
    assert "disabled" in listed
    assert "OpenID Connect" in listed
    assert other not in listed
    assert "can sign in again, as lead" in run("enable", "ann@x.test")
    assert "There is no member of staff" in run("disable", "nobody@x.test", code=1)
    run("add", "carl@x.test", "--role", "king", code=2)
