"""What every kind of registry is asked for: a manifest, or an index of manifests, by its digest."""

import re

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Tags are only a help in an error that is certain already: not worth a long wait, nor a long list.
TAGS_PAGE, TAGS_PAGES_MAX = 1000, 10
TAGS_PATIENCE_S = 5.0
