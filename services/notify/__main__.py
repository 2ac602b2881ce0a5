"""python -m services.notify"""

from services.notify.app import build
from services.notify.settings import Settings
from shared.lifecycle import run
from shared.settings import load_settings

if __name__ == "__main__":
    run(lambda: build(load_settings(Settings)))
