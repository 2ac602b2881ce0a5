"""python -m services.ingest"""

from services.ingest.app import build
from services.ingest.settings import Settings
from shared.lifecycle import run
from shared.settings import load_settings

if __name__ == "__main__":
    run(lambda: build(load_settings(Settings)))
