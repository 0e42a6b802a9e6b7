"""Recognisers as graphs for other runtimes: ONNX, and files of torch.export."""

from rfcx_audio.graph.export import export_graph, open_graph
from rfcx_audio.graph.parity import read_windows
from rfcx_audio.graph.trace import ExportError

__all__ = ["ExportError", "export_graph", "open_graph", "read_windows"]
