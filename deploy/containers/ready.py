"""`python -m deploy.containers.ready`: 0 when the service in this container says that it is ready, else 1 and why.

Standard library only, because it starts every few seconds.
"""

import os
import sys
from urllib.error import HTTPError
from urllib.request import urlopen


def main() -> int:
    """Ask /readyz on our own port."""
    url = f"http://127.0.0.1:{os.environ.get('EBBTIDE_HTTP_PORT', '8080')}/readyz"
    try:
        with urlopen(url, timeout=3) as answer:  # our own address
            print(answer.read().decode())
    except HTTPError as error:
        print(error.read().decode())
        return 1
    except OSError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
