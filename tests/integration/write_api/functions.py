"""Every function of the write side: whose rights it acts with, and who may call it.

`python -m tests.integration.write_api.functions --write` writes functions.txt, which test_account_rights.py compares.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.database import server_in
from tests.database_homes import EMBEDDED
from tests.integration.write_api.world import Session, superuser

FILE = Path(__file__).parent / "functions.txt"
HEADER = """\
Every function of schema account: whose rights it acts with (`caller`, or its owner with the search path it fixes), and
which roles may call it beside the owner of the schema and pend_definer.
Written by: python -m tests.integration.write_api.functions --write

"""
_ROLES = ("pend_writer", "pend_worker", "pend_indexer", "pend_explorer")


def text(session: Session) -> str:
    found = session.execute(
        """
        SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name,
               CASE WHEN p.prosecdef THEN pg_get_userbyid(p.proowner) ELSE 'caller' END AS acts,
               (SELECT string_agg(c, '; ') FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%%') AS path,
               array(SELECT r FROM unnest(%s::text[]) WITH ORDINALITY AS r (r, place)
                     WHERE has_function_privilege(r, p.oid, 'EXECUTE') ORDER BY place) AS callers,
               EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                       WHERE a.grantee = 0) AS everybody
        FROM pg_proc AS p WHERE p.pronamespace = 'account'::regnamespace AND p.prokind = 'f'
        ORDER BY p.proname, 1
        """,
        (list(_ROLES),),
    ).fetchall()
    lines = [
        f"{row['name']}\n    as {row['acts']}{', ' + row['path'] if row['path'] else ''}; called by"
        f" {', '.join(['everybody'] * row['everybody'] + row['callers']) or 'nobody else'}\n"
        for row in found
    ]
    return HEADER + "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.integration.write_api.functions", description=__doc__
    )
    parser.add_argument("--write", action="store_true", help="write functions.txt instead of printing it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        server = server_in(EMBEDDED, {})
        dsn = server.create(template=server.template())
        stack.callback(server.drop, dsn)
        session = stack.enter_context(superuser(dsn))
        made = text(session)
    if arguments.write:
        FILE.write_text(made, encoding="utf-8")
    else:
        sys.stdout.write(made)


if __name__ == "__main__":
    main()
