"""What the core says of services and of errors."""

import inspect

from surefoot import errors, target
from surefoot.service import SecretRef


def test_a_secret_is_shown_as_where_it_is() -> None:
    assert [str(SecretRef(env="SLACK_TOKEN")), str(SecretRef(prefect="slack"))] == [
        "{env: SLACK_TOKEN}",
        "{prefect: slack}",
    ]


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = (errors.__doc__ or "").split("SurefootError\n")[1]
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind is not errors.SurefootError]
    assert all(f"── {kind.__name__}" in drawn for kind in kinds)
    assert drawn.count("── ") == len(kinds)
    assert errors.Unavailable("later", 2.5).retry_after_s == 2.5


def test_every_verb_of_the_port_is_async() -> None:
    verbs = [verb for name, verb in vars(target.Target).items() if not name.startswith("_")]
    assert len(verbs) == 4
    assert all(inspect.iscoroutinefunction(verb) for verb in verbs)
