"""Every mutation there is."""

from tests.faults.hooks.mutation import Mutation
from tests.faults.mutations_pipeline import PIPELINE
from tests.faults.mutations_services import SERVICES

MUTATIONS: tuple[Mutation, ...] = (*PIPELINE, *SERVICES)


def find(name: str) -> Mutation:
    """The one of that name. Raises LookupError naming all there are."""
    for one in MUTATIONS:
        if one.name == name:
            return one
    raise LookupError(f"no mutation is called {name}; there are {', '.join(one.name for one in MUTATIONS)}")
