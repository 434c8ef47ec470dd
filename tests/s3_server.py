"""An S3-speaking server with one bucket, in the process of the tests."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

BUCKET, REGION = "pend-documents", "eu-west-1"
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "test", "test-secret"


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where it listens, and a client of another make that looks into it."""

    endpoint: str
    client: Any

    def unfinished(self) -> list[str]:
        """Keys of multipart uploads that were begun and neither completed nor ended."""
        found = self.client.list_multipart_uploads(Bucket=BUCKET)
        return [each["Key"] for each in found.get("Uploads", [])]

    def clear(self) -> None:
        for each in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            self.client.delete_object(Bucket=BUCKET, Key=each["Key"])


@contextmanager
def s3_server() -> Iterator[S3Server]:
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module=r"(botocore|moto|werkzeug|flask)\b"
        )
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415  slow to import
        from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415
        from moto.server import ThreadedMotoServer  # noqa: PLC0415
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )
        try:
            # Servers of one process share what they hold: another test may have made it.
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            yield S3Server(endpoint, client)
        finally:
            client.close()
    finally:
        server.stop()
