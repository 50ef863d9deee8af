"""One polite, bounded, vetted fetcher, and weight files by digest and licence."""
