"""The AnyRes-GAN reference (Chai et al., ECCV 2022)."""
