"""InfinityGAN: images without a border (Lin et al., ICLR 2022)."""
