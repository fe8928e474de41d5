"""Whether a store tells two writers apart: a commit is a file that only the first of them may create.

It knows the store, and neither tables nor logs.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from functools import cache

from sentiment.core.errors import ContractError
from sentiment.stores.files import bucket_and_key, is_s3, join, s3_client


@cache
def require_conditions(root: str) -> None:
    """Raise ContractError for an S3 that lets two writers create one file: Delta's commits would overwrite each other.

    It is asked once a process.
    """
    if not is_s3(root) or _refuses_a_second(root):
        return
    raise ContractError(
        f"the S3 server of {root} ignores If-None-Match, by which two writers are told apart: commits would be lost "
        "in silence; use a server with conditional writes, such as AWS S3, MinIO or SeaweedFS 4"
    )


def _refuses_a_second(root: str) -> bool:
    from botocore.exceptions import ClientError

    client, (bucket, key) = s3_client(), bucket_and_key(join(root, f".conditions-{uuid.uuid4().hex}"))
    try:
        for _ in range(2):
            client.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        # Any other answer is an error of its own: a key that is wrong, a bucket that is not there.
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") not in {409, 412, 501}:
            raise
        return error.response["ResponseMetadata"]["HTTPStatusCode"] != 501
    finally:
        # Whoever may not delete leaves an empty file, which no table names.
        with suppress(ClientError):
            client.delete_object(Bucket=bucket, Key=key)
    return False
