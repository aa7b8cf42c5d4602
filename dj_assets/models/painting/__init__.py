"""Models that paint: a diffusion model for pairs of images, and plain pictures for tests."""
