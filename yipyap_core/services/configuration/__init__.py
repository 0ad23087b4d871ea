"""The families' settings: layers, versions, documents, what engines are told of a change."""
