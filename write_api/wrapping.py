"""Rotation of the master key: every data key that another one wraps is wrapped anew, while requests go on."""

from collections.abc import Mapping

from postgres.connections import OwnConnection
from write_api.definer_sessions import queries
from write_api.encryption.master_keys import MasterKeys, Wrapped

BATCH = 200


async def named_keys(connection: OwnConnection) -> Mapping[str, int]:
    """How many data keys each master key wraps."""
    rows = await queries.count_data_keys.many(connection)
    return {row["master_key_id"]: row["data_keys"] for row in rows}


async def wrap_anew(connection: OwnConnection, keys: MasterKeys) -> int:
    """How many data keys the current master key wraps now that another one wrapped before.

    Each batch is a transaction, so what was done stays done. Raises `EncryptionError` for a key that does not
    open: nothing of its batch is changed.
    """
    done, after = 0, None
    while True:
        async with connection.transaction():
            await queries.justify_rotation.value(connection)
            rows = await queries.select_data_keys_to_wrap.many(connection, keys.current_id, after, BATCH)
            if not rows:
                return done
            anew = [
                await keys.wrap(
                    await keys.unwrap(Wrapped(row["master_key_id"], row["wrapped"]), row["id"].bytes),
                    row["id"].bytes,
                )
                for row in rows
            ]
            await queries.wrap_data_keys.exec(
                connection,
                [row["id"] for row in rows],
                [each.blob for each in anew],
                [each.key_id for each in anew],
            )
        done += len(rows)
        after = rows[-1]["id"]
