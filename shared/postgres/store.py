"""The base of every store: named statements on one connection, inside somebody else's transaction."""

from shared.postgres.database import Connection


class Store:
    """One unit of work. Whoever opened the transaction commits it; a store never does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
