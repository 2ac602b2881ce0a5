"""python -m services.profiles"""

from services.profiles.app import build
from services.profiles.settings import Settings
from shared.lifecycle import run
from shared.settings import load_settings

if __name__ == "__main__":
    run(lambda: build(load_settings(Settings)))
