"""Reads of S3 that several nouns send: their names, and the errors for a missing object."""

from typing import Final

S3_OBJECT_API: Final = "s3.get_object"
S3_OBJECTS_API: Final = "s3.list_objects_v2"
HEAD_NOT_FOUND_CODE: Final = "404"  # HeadObject has no body, so its code is the status
OBJECT_NOT_FOUND_CODES: Final = ("NoSuchKey", HEAD_NOT_FOUND_CODE, "NotFound")
