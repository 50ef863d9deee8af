"""MS-PE: StyleGAN2 with positional encodings, trained at several sizes (Xu et al., CVPR 2021)."""
