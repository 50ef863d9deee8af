"""Real-ESRGAN: super-resolution of degraded images (Wang et al., ICCVW 2021)."""
