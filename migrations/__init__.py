"""Forward migrations in plain SQL, applied in the order of their names by postgres.migrations."""

from pathlib import Path

FOLDER = Path(__file__).parent
