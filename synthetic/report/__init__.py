"""Reports on synthetic data, as one page and as JSON: how like the real or the published they are, and how safe."""
