"""The live page of people on call: rendered here, kept current over server-sent events, usable without JavaScript.

`desk` holds what every route needs, `guard` what every answer must carry; `feed` sees changes and `events` sends them.
`neighbours` asks other services for what `panels` show.
"""

from services.alerts.console.chart import DayCounts
from services.alerts.console.desk import Desk
from services.alerts.console.feed import Feed
from services.alerts.console.neighbours import Neighbours
from services.alerts.console.routes import console_routes
from services.alerts.console.sessions import Sessions

__all__ = ["DayCounts", "Desk", "Feed", "Neighbours", "Sessions", "console_routes"]
