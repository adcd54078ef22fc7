"""Files that several servers share: in a folder that all of them mount, or in an S3-compatible object store."""
