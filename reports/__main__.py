"""``python -m paceline.reports``."""

import sys

from paceline.reports.command.main import main

if __name__ == "__main__":
    sys.exit(main())
