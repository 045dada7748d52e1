"""IRs as kfp's compiler writes them, made without importing it."""

import json
import textwrap

import yaml

COMMAND = """program_path=$(mktemp -d)

printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"
"""
HEAD = "\nimport kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\n"
KINDS = {"str": "STRING", "int": "NUMBER_INTEGER", "float": "NUMBER_DOUBLE", "bool": "BOOLEAN", "dict": "STRUCT"}


def port(kind, **more):
    """An input or output of a kind such as `int` or `Dataset`."""
    if kind in KINDS:
        return {"parameterType": KINDS[kind], **more}
    return {"artifactType": {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"}, **more}


def ports(kinds):
    """The definitions of inputs or outputs: name -> kind."""
    made = {"parameters": {}, "artifacts": {}}
    for name, kind in kinds.items():
        made["parameters" if kind in KINDS else "artifacts"][name] = port(kind)
    return {key: each for key, each in made.items() if each}


def step(function, code, inputs=(), outputs=(), **resources):
    """A component with its executor: what it gets, what it gives, and the text of its function."""
    return {
        "component": {
            "executorLabel": f"exec-{function}",
            "inputDefinitions": ports(dict(inputs)),
            "outputDefinitions": ports(dict(outputs)),
        },
        "executor": {
            "container": {
                "image": "python:3.11",
                "command": ["sh", "-ec", COMMAND, HEAD + textwrap.dedent(code)],
                "args": ["--executor_input", "{{$}}", "--function_to_execute", function],
                "resources": resources,
            }
        },
    }


def source(text):
    """Where an input comes from: `=x` is the pipeline's parameter, `task.key` an output, anything else a constant."""
    if isinstance(text, str) and text.startswith("="):
        return {"componentInputParameter": text[1:]}
    if isinstance(text, str) and "." in text:
        task, key = text.split(".")
        return task, key
    return {"runtimeValue": {"constant": text}}


def task(component, steps, inputs=(), after=(), **more):
    """A task of a component, with its wires: input -> source."""
    definitions = steps[component]["component"]["inputDefinitions"]
    wires = {"parameters": {}, "artifacts": {}}
    needs = set(after)
    for name, text in dict(inputs).items():
        kind = "artifacts" if name in definitions.get("artifacts", {}) else "parameters"
        said = source(text)
        if isinstance(said, tuple):
            needs.add(said[0])
            key = "outputArtifactKey" if kind == "artifacts" else "outputParameterKey"
            said = {f"taskOutput{kind.title()[:-1]}": {"producerTask": said[0], key: said[1]}}
        wires[kind][name] = said
    return {
        "cachingOptions": {"enableCache": True},
        "componentRef": {"name": f"comp-{component}"},
        "dependentTasks": sorted(needs),
        "inputs": {key: each for key, each in wires.items() if each},
        "taskInfo": {"name": component},
        **more,
    }


def ir(name, steps, tasks, parameters=(), outputs=()):
    """The whole: `parameters` are name -> (kind, default), `outputs` name -> (kind, `task.key`)."""
    made = {"parameters": {}, "artifacts": {}}
    kinds = {}
    for key, (kind, said) in dict(outputs).items():
        kinds[key] = kind
        maker, output = said.split(".")
        if kind in KINDS:
            made["parameters"][key] = {"valueFromParameter": {"producerSubtask": maker, "outputParameterKey": output}}
        else:
            selector = {"producerSubtask": maker, "outputArtifactKey": output}
            made["artifacts"][key] = {"artifactSelectors": [selector]}
    return {
        "components": {f"comp-{key}": each["component"] for key, each in steps.items()},
        "deploymentSpec": {"executors": {f"exec-{key}": each["executor"] for key, each in steps.items()}},
        "pipelineInfo": {"name": name},
        "root": {
            "dag": {"tasks": tasks, "outputs": made},
            "inputDefinitions": {
                "parameters": {
                    key: port(kind, defaultValue=default, isOptional=True)
                    for key, (kind, default) in dict(parameters).items()
                }
            },
            "outputDefinitions": ports(kinds),
        },
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.16.1",
    }


def written(data):
    """The text of an IR."""
    return "# PIPELINE DEFINITION\n" + yaml.safe_dump(json.loads(json.dumps(data)))
