"""Any network that was exported to ONNX elsewhere: ``onnx:FILE``, with a ``model.toml`` that says what it takes."""
