"""Active visual reasoning in the manner of CLEVR-AVR (PhysVLM-AVR, arXiv 2510.21111)."""
