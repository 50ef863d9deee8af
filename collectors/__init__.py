"""Collectors: where images come from.

This folder is the subpackage `anyres_bench.collectors`.
"""

if __name__ != "anyres_bench.collectors":
    raise ImportError(
        "import anyres_bench.collectors, not collectors: "
        "under a second name every module would be loaded twice"
    )

from anyres_bench.core.registry import Registry

COLLECTORS = Registry(
    "collector",
    {
        "ffhq6k": "anyres_bench.collectors.ffhq6k:Ffhq6k",
        "flickr": "anyres_bench.collectors.flickr:Flickr",
        "folder": "anyres_bench.collectors.folder:Folder",
        "houses": "anyres_bench.collectors.scenes:Houses",
        "scenes": "anyres_bench.collectors.scenes:Scenes",
        "urls": "anyres_bench.collectors.urls:Urls",
    },
    entry_points="anyres_bench.collectors",
)
