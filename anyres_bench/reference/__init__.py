"""AnyRes-GAN, the reference: generator, discriminator, teacher, panoramas, recipe.

Source: Chai et al., "Any-resolution Training for High-resolution Image Synthesis", ECCV 2022.
"""
