#!/usr/bin/env python3
"""One engine for bench/models, as a process in its own environment: it answers lines of JSON with lines of JSON.

    {"open": FILE, "input": NPZ, "threads": T}   ->  {"version": V}
    {"check": EXPECTED_NPZ, "sigmoid": [NAME]}   ->  {"error": E}: of the outputs now, as `largest_error` says
    {"compare": NPZ, "expected": NPZ, ...}       ->  {"error": E}: of outputs that another program wrote
    {"sample": MS}                               ->  {"ns": [...]}: of each call, after a warm-up
Anything that fails answers {"failed": WHY}. An engine may also end the process: bench/models sees to that."""
import json
import os
import sys

import numpy

from sampling import sample


class OnnxRuntime:
    def __init__(self, path, inputs, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        self.inputs = inputs
        self.version = f"ONNX Runtime {onnxruntime.__version__}"

    def run(self):
        return self.session.run(self.names, self.inputs)

    def outputs(self):
        return dict(zip(self.names, self.run()))


class OpenVino:
    def __init__(self, path, inputs, threads):
        import openvino
        # fp32 is asked for: on CPUs with AMX the default is bf16.
        options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                   "INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        self.model = core.compile_model(core.read_model(path), "CPU", options)
        self.request = self.model.create_infer_request()
        self.inputs = inputs  # the request doesn't keep the tensors' memory alive
        for name, value in inputs.items():
            self.request.set_tensor(name, openvino.Tensor(value, shared_memory=True))
        self.run = self.request.infer
        self.version = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def outputs(self):
        self.run()
        return {name: self.request.get_tensor(output).data for output in self.model.outputs for name in output.names}


class DeepSparse:
    def __init__(self, path, inputs, threads):
        import deepsparse
        first = next(iter(inputs.values()))
        self.engine = deepsparse.Engine(path, batch_size=first.shape[0], num_cores=threads)
        self.inputs = [inputs[name] for name in self.engine.input_names]
        self.version = f"DeepSparse {deepsparse.__version__}"

    def run(self):
        return self.engine.run(self.inputs, val_inp=False)

    def outputs(self):
        return dict(zip(self.engine.output_names, self.run()))


class LiteRt:
    """Images are NHWC there, so the input is transposed before the timed call; the outputs have no channels."""

    def __init__(self, path, inputs, threads):
        import importlib.metadata
        from ai_edge_litert.interpreter import Interpreter
        self.interpreter = Interpreter(model_path=path, num_threads=threads)
        self.interpreter.allocate_tensors()
        image, = inputs.values()
        about, = self.interpreter.get_input_details()
        self.interpreter.set_tensor(about["index"], numpy.ascontiguousarray(image.transpose(0, 2, 3, 1)))
        self.run = self.interpreter.invoke
        self.version = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"

    def outputs(self):
        self.run()
        return {about["name"]: self.interpreter.get_tensor(about["index"])
                for about in self.interpreter.get_output_details()}


ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "deepsparse": DeepSparse, "litert": LiteRt}


def largest_error(found, expected, sigmoid):
    """Over all outputs, relative to the largest magnitude of the output, or to 1 after a Sigmoid."""
    worst = 0.0
    for name, right in expected.items():
        if name not in found:
            raise ValueError(f"there is no output {name}, but {', '.join(found)}")
        value = numpy.asarray(found[name], numpy.float64)
        if value.size != right.size:
            raise ValueError(f"output {name} is {list(value.shape)}, not {list(right.shape)}")
        scale = 1.0 if name in sigmoid else max(float(numpy.abs(right).max()), 1e-30)
        error = numpy.abs(value.reshape(right.shape) - right).max() / scale
        worst = max(worst, float(error) if numpy.isfinite(error) else float("inf"))
    return worst


def serve(kind, requests, answer):
    engine = None
    for line in requests:
        request = json.loads(line)
        try:
            if "open" in request:
                engine = kind(request["open"], dict(numpy.load(request["input"])), request["threads"])
                answer({"version": engine.version})
            elif "check" in request:
                answer({"error": largest_error(engine.outputs(), numpy.load(request["check"]), request["sigmoid"])})
            elif "compare" in request:
                answer({"error": largest_error(numpy.load(request["compare"]), numpy.load(request["expected"]),
                                               request["sigmoid"])})
            else:
                answer({"ns": sample(engine.run, request["sample"])})
        except Exception as error:  # an engine's own errors are of any type
            lines = str(error).strip().splitlines() or [type(error).__name__]
            answer({"failed": lines[-1]})


def main():
    # What engines print goes to stderr; the answers have the pipe for themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    serve(ENGINES[sys.argv[1]], sys.stdin, lambda reply: answers.write(json.dumps(reply) + "\n"))


if __name__ == "__main__":
    main()
