"""Builds the profiles service; the only file that constructs."""

import yaml

from services.profiles.consumers import interactions
from services.profiles.domain.names import NameIndex
from services.profiles.domain.policy import Policy, PolicyError, parse_policy
from services.profiles.handlers import ProfileHandlers
from services.profiles.http import interaction_routes, routes
from services.profiles.metrics import ProfileMetrics
from services.profiles.settings import Settings
from services.profiles.store import SQL, ProfileStore
from services.profiles.timers import lifecycle_step
from shared.application import Application
from shared.clock import Clock
from shared.errors import ConfigurationError
from shared.kafka.topics import INTERACTIONS, PROFILES


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """The service, ready to start."""
    app = Application(
        "profiles",
        settings,
        store=ProfileStore,
        publishes=PROFILES,
        sql=SQL,
        description="One archive per customer: who they are now, and how it got there.",
        clock=clock,
    )
    app.recalls(ProfileStore)
    settled = app.settled(INTERACTIONS)
    names = NameIndex(settings.secret.get_secret_value().encode())
    handlers = ProfileHandlers(
        store=ProfileStore,
        clock=app.clock,
        settled=settled,
        policy=_read_policy(settings),
        names=names,
        metrics=ProfileMetrics(app.registry),
    )
    app.consume(interactions(handlers))
    app.passes_on(INTERACTIONS)
    app.every("lifecycle", lifecycle_step(app.database, handlers), clock=settled)
    app.route(routes(app.database, ProfileStore, names))
    app.route(interaction_routes(app.database, ProfileStore))
    return app


def _read_policy(settings: Settings) -> Policy:
    try:
        return parse_policy(yaml.safe_load(settings.policy.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read the policy {settings.policy} (EBBTIDE_POLICY): {error}") from None
    except PolicyError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise ConfigurationError(f"the policy {settings.policy} needs attention:\n{problems}") from None
