"""Vision-language-action policies: action chunks from tokens, or from a Gaussian head."""
