"""Anycost-GAN: one generator of several widths and resolutions (Lin et al., CVPR 2021)."""
