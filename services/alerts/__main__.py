"""python -m services.alerts"""

from services.alerts.app import build
from services.alerts.settings import Settings
from shared.lifecycle import run
from shared.settings import load_settings

if __name__ == "__main__":
    run(lambda: build(load_settings(Settings)))
