"""The calls of every check whose findings can be waived. Pure data, for records of checks."""

from typing import Final

from ops.core.s3 import S3_OBJECT_API, S3_OBJECTS_API

WAIVER_CALLS: Final = (S3_OBJECT_API, S3_OBJECTS_API)
