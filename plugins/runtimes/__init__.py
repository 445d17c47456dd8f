"""What executes a network.

In: a network and an example of its inputs. Out: a function that gives its logits. Torch and the runtimes themselves
are imported when one is used.
"""

from abawbench.contracts.declarations import Declaration, RuntimeDeclaration
from abawbench.hookspecs import hookimpl

ONNX_NEEDS = ("onnx", "onnxruntime", "onnxscript")
OPENVINO_NEEDS = ("onnx", "onnxscript", "openvino")


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declarations of the runtimes."""
    return [
        RuntimeDeclaration(
            name="eager",
            summary="PyTorch eager execution in inference mode.",
            build="abawbench_plugins.runtimes.eager:Eager",
        ),
        RuntimeDeclaration(
            name="channels-last",
            summary="PyTorch eager execution, channels last in memory.",
            build="abawbench_plugins.runtimes.eager:ChannelsLast",
        ),
        RuntimeDeclaration(
            name="compile",
            summary="torch.compile with inductor; needs a C++ compiler on a CPU.",
            build="abawbench_plugins.runtimes.compiled:Compiled",
        ),
        RuntimeDeclaration(
            name="onnxruntime",
            summary="ONNX Runtime on the CPU.",
            build="abawbench_plugins.runtimes.onnx_runtime:OnnxRuntime",
            extra="abawbench[onnx]",
            needs=ONNX_NEEDS,
            format="onnx",
        ),
        RuntimeDeclaration(
            name="onnxruntime-int8",
            summary="ONNX Runtime on the CPU, static 8-bit quantisation.",
            build="abawbench_plugins.runtimes.onnx_runtime:OnnxRuntimeInt8",
            extra="abawbench[onnx]",
            needs=ONNX_NEEDS,
        ),
        RuntimeDeclaration(
            name="openvino",
            summary="OpenVINO on the CPU.",
            build="abawbench_plugins.runtimes.open_vino:OpenVino",
            extra="abawbench[openvino]",
            needs=OPENVINO_NEEDS,
            format="openvino",
        ),
        RuntimeDeclaration(
            name="openvino-bf16",
            summary="OpenVINO on a CPU with bfloat16.",
            build="abawbench_plugins.runtimes.open_vino:OpenVinoBfloat16",
            extra="abawbench[openvino]",
            needs=OPENVINO_NEEDS,
        ),
        RuntimeDeclaration(
            name="openvino-int8",
            summary="OpenVINO on the CPU, static 8-bit quantisation.",
            build="abawbench_plugins.runtimes.open_vino:OpenVinoInt8",
            extra="abawbench[openvino]",
            needs=(*OPENVINO_NEEDS, "onnxruntime"),
        ),
    ]
