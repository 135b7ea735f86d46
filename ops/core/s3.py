"""Reads of S3 that several nouns send: their names, and the errors for a missing object."""

from typing import Final

S3_OBJECT_API: Final = "s3.get_object"
S3_OBJECTS_API: Final = "s3.list_objects_v2"
# HeadObject has no body, so its error has the status as its code.
OBJECT_NOT_FOUND_CODES: Final = ("NoSuchKey", "404", "NotFound")
