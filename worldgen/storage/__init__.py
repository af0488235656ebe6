"""Storage: safe writing of files, manifests of finished stages, stores, and engines. It knows nothing of worlds."""
