"""`python -m specie.cli` is `specie`."""

import sys

from .main import main

sys.exit(main())
