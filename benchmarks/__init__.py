"""Speed as figures, not as tests: each module prints JSON, with the ratios of one run."""
