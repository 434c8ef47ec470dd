"""Opens what the settings name: master keys, the storage of documents."""

from write_api.encryption.key_command import KeyCommand, open_command_keys
from write_api.encryption.master_keys import FileKeys, MasterKeys, keys_of_environment
from write_api.settings import EncryptionSection, StorageSection
from write_api.storage.objects import Storage, open_bucket, open_folder


async def open_master_keys(settings: EncryptionSection) -> MasterKeys:
    """Raises `KeyStoreLost`, `KeyStoreRefused`, `KeyCommandFailed`."""
    if settings.source == "file":
        return FileKeys(settings.keys_file)
    if settings.source == "environment":
        assert settings.keys is not None
        return keys_of_environment("encryption.keys", {"encryption.keys": settings.keys.get_secret_value()})
    assert settings.command_index is not None
    return await open_command_keys(
        KeyCommand(settings.command),
        settings.command_key_id,
        settings.command_old_key_ids,
        settings.command_index.get_secret_value(),
    )


def open_storage(settings: StorageSection) -> Storage:
    """Raises `StorageRefused`."""
    if settings.bucket is None:
        return open_folder(settings.folder)
    return open_bucket(
        settings.bucket,
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key.get_secret_value(),
        path_style=settings.path_style,
        allow_http=settings.allow_http,
    )
