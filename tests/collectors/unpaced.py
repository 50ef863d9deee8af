"""The Flickr collector of tests, in a module of its own: worker processes import it by name."""

from __future__ import annotations

from anyres_bench.collectors.flickr import Flickr
from anyres_bench.collectors.flickr_api import FlickrApi
from anyres_bench.fetching.limits import Rate, TokenBuckets


class Unpaced(Flickr):
    """The collector without the pauses that Flickr asks for."""

    @property
    def client(self) -> FlickrApi:
        return FlickrApi("k" * 32, self.api, TokenBuckets(), lambda seconds: None)

    @property
    def rates(self) -> dict[str, Rate]:
        return {}
