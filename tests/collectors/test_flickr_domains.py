"""Domains of `flickr`."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.collectors.flickr_domains import PublishedList, presets, read_domain
from anyres_bench.core.errors import ConfigError, UnknownNameError


def test_presets_have_a_list_or_a_search() -> None:
    assert presets() == ["birds-hr", "birds-lr", "church-hr", "mountains"]
    assert read_domain("church-hr").size.min_side == 1024
    for domain in map(read_domain, presets()):
        assert bool(domain.search) != bool(domain.published)
        if domain.published:
            assert len(bytes.fromhex(domain.published.sha256)) == 32
            assert f"{domain.published.n_lines:,} lines" in domain.published.advice()
    with pytest.raises(UnknownNameError, match="did you mean birds-hr"):
        read_domain("birds-hq")


@pytest.mark.parametrize(
    "listed",
    [
        "min = 3",
        'min_side = 3\n[list]\nn_lines = "x"',
        "min_side = 3\n[list]\nurl = 3\nn_lines = 1",
    ],
)
def test_mistakes_in_a_file_are_named(listed: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(f'source = "x"\n[size]\nmode = "HR"\n{listed}\n')
    with pytest.raises(ConfigError, match=r"a domain has source"):
        read_domain(str(bad))


def test_a_list_whose_place_is_not_known_says_so() -> None:
    assert "not known" in PublishedList(n_lines=3).advice()
