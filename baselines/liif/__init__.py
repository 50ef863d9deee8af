"""LIIF: local implicit image functions, enlargement by any factor (Chen et al., CVPR 2021)."""
