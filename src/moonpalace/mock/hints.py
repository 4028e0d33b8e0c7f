"""What a developer hears beside a 404, whose words, the API's own, do not say what was meant.

1. The answer is not touched: a hint goes to the log, never to the client.
2. Only what is certain is said: where the model or the endpoint is to be found.
"""

from __future__ import annotations

from dataclasses import replace

from ..kimi.errors import Violation
from ..kimi.profiles import PROFILES, Profile
from ..text.safe import line
from .asked import Asked
from .routes import Router


def hint(violation: Violation, asked: Asked, profile: Profile, router: Router) -> str | None:
    """What helps; None: nothing to say."""
    if violation.form.name == "model":
        return _model(violation.message, profile)
    return _path(asked, router) if violation.form.name == "method" else None


def _model(message: str, profile: Profile) -> str:
    """The message names the model that was asked for."""
    known = [year for year, other in PROFILES.items() if year != profile.year and _has(other, message)]
    have = ", ".join([model.id for model in profile.models()])
    where = f"; the one asked for is in {' and '.join(known)}" if known else ""
    if not known and _has(replace(profile, retired_models=True), message):
        where = "; the switch retired_models=on brings back the one asked for"
    return f"the models of profile {profile.year} are {have}{where}"


def _has(profile: Profile, message: str) -> bool:
    return any(f" {model.id} " in message for model in profile.models())


def _path(asked: Asked, router: Router) -> str | None:
    """Where a base URL is wrong, the path has a part too few or too many."""
    bare = asked.path.removeprefix("/v1")
    for path in (f"/v1{bare}", bare, f"/anthropic{bare}", f"/anthropic/v1{bare.removeprefix('/anthropic')}"):
        if path != asked.path and router.find(asked.method, path) is not None:
            return f"there is no {line(asked.path)}, but there is {line(path)}: look at the client's base URL"
    return None
