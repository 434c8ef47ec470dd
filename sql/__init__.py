"""Every query of the services, one folder per service, one file per noun; read by postgres.queries."""

from pathlib import Path

FOLDER = Path(__file__).parent
SNAPSHOT = FOLDER / "schema.sql"
