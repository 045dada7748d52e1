"""docker, kind and kubectl as small programs: they answer with what the real ones print, and log each word.

`python -S -E fake_program.py NAME STATE WORDS...`; STATE is a folder that a test owns. FAKE_HANG and FAKE_FAIL name
the beginning of a command that is to hang, or to fail. The docker of this file is enough for the real kind.
"""

import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path

# What only one of them needs is imported there: each start of these programs counts.

RECORDED = Path(__file__).with_name("recorded")
NODE = "mlops-labs-control-plane"
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: kind-mlops-labs, cluster: {server: "https://127.0.0.1:45371", certificate-authority-data: QQ==}}]
contexts: [{name: kind-mlops-labs, context: {cluster: kind-mlops-labs, user: kind-mlops-labs}}]
current-context: kind-mlops-labs
users: [{name: kind-mlops-labs, user: {client-certificate-data: QQ==, client-key-data: QQ==}}]
"""


class Fake:
    """What all three share: the folder of the state, and the log of what was called."""

    def __init__(self, name, state, words):
        self.name, self.state, self.words = name, Path(state), words
        self.line = " ".join([name, *words])

    def main(self):
        with (self.state / "calls.jsonl").open("a") as log:
            log.write(json.dumps([self.name, *self.words]) + "\n")
        if (hang := os.environ.get("FAKE_HANG")) and self.line.startswith(hang):
            (self.state / "hanging").touch()
            time.sleep(60)
        if (fail := os.environ.get("FAKE_FAIL")) and self.line.startswith(fail):
            print(os.environ.get("FAKE_SAYS", "write /dev/stdout: no space left on device"), file=sys.stderr)
            return 1
        return getattr(self, self.name)() or 0

    def read(self, name, default):
        try:
            return json.loads((self.state / name).read_text())
        except FileNotFoundError:
            return default

    def write(self, name, value):
        draft = self.state / f"{name}.{os.getpid()}"
        draft.write_text(json.dumps(value))
        draft.replace(self.state / name)

    # docker

    def docker(self):
        first = self.words[0]
        node = self.read("node", None)
        if first == "info":
            return self.info()
        if first in ("-v", "--version", "version"):
            print("Docker version 29.6.1, build 8900f1d")
        elif first == "ps" and node:
            shown = self.words[self.words.index("--format") + 1]
            if "State" in shown:
                print(NODE, node["state"])
            else:
                print("mlops-labs" if "Label" in shown else NODE)
        elif first == "inspect":
            self.inspect()
        elif first == "network":
            print("aaaa" if self.words[1] == "ls" else "[]")
        elif first == "image":
            return 0 if self.words[-1] in self.read("images", []) or "kindest" in self.words[-1] else 1
        elif first == "build":
            self.write("images", [*self.read("images", []), self.words[self.words.index("--tag") + 1]])
            print("#1 [internal] load build definition from Dockerfile\n#9 DONE 0.1s")
        elif first == "save":
            Path(self.words[self.words.index("--output") + 1]).write_text(self.words[-1])
        elif first == "run":
            return self.start([word for word in self.words if word.startswith("--publish=")])
        elif first == "start":
            return self.start(node["publish"])
        elif first in ("stop", "rm"):
            self.stop(remove=first == "rm")
        elif first == "logs":
            print("Reached target multi-user.target - Multi-User System.")
        elif first == "exec":
            return self.exec()
        return 0

    def info(self):
        words = " ".join(self.words)
        if "SecurityOptions" in words:
            print("'[]'")
        elif "Driver" in words:
            print("overlayfs")
        else:
            chosen = self.read("info", "docker-29.json")
            print((RECORDED / chosen).read_text().strip())
            if chosen == "docker-silent.json":
                print((RECORDED / "docker-silent.txt").read_text(), file=sys.stderr)
                return 1
        return 0

    def inspect(self):
        words = " ".join(self.words)
        if "kind.role" in words:
            print("control-plane")
        elif "IPAddress" in words:
            print("172.18.0.2,fc00::2")
        elif "NetworkSettings.Ports" in words:
            print("127.0.0.1\t45371")

    def start(self, publish):
        """Let something answer at each published port, as the node's pods would."""
        import socket
        import subprocess

        ports = [int(word.split(":")[1]) for word in publish]
        ports = [port for port in ports if port != 45371]
        for port in ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    said = f"Bind for 127.0.0.1:{port} failed: port is already allocated"
                    print(f"docker: Error response from daemon: {said}", file=sys.stderr)
                    return 125
        command = [sys.executable, "-S", "-E", __file__, "pages", str(self.state), *map(str, ports)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        pages = subprocess.Popen(command, start_new_session=True, **quiet)
        self.write("node", {"state": "running", "publish": publish, "pages": pages.pid})
        (self.state / "pages.pid").write_text(str(pages.pid))
        while not (self.state / "pages.ready").exists():
            time.sleep(0.01)
        (self.state / "pages.ready").unlink()
        print("4ec0de4ec0de")
        return 0

    def stop(self, *, remove):
        node = self.read("node", None)
        if node and node["pages"]:
            with contextlib.suppress(OSError):
                os.kill(node["pages"], 9)
        if remove:
            (self.state / "node").unlink(missing_ok=True)
            (self.state / "objects").unlink(missing_ok=True)
            (self.state / "node-images").unlink(missing_ok=True)
        elif node:
            self.write("node", node | {"state": "exited", "pages": 0})

    def exec(self):
        line = " ".join(self.words)
        if " test -e " in line:
            return 0 if self.read("gpu-ready", False) else 1
        if "crictl" in line:
            return 0 if self.words[-1] in self.read("node-images", []) else 1
        if "images import" in line:
            self.write("node-images", [*self.read("node-images", []), sys.stdin.read().strip()])
        elif "containerd config dump" in line:
            print("version = 3\n[plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'overlayfs'")
        elif "/kind/version" in line:
            print("v1.37.0")
        elif "cat /etc/kubernetes/admin.conf" in line:
            print(KUBECONFIG)
        elif "cat /kind/manifests/default-cni" in line:
            print("podSubnet: {{ .PodSubnet }}")
        elif "get nodes" in line:
            print("True")
        return 0

    def pages(self):
        import http.server
        import threading

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"OK")

            def log_message(self, *_):
                pass

        for port in map(int, self.words):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
            threading.Thread(target=server.serve_forever).start()
        (self.state / "pages.ready").touch()

    # kind

    def kind(self):
        what = " ".join(self.words[:2])
        if what == "create cluster":
            config = Path(self.words[self.words.index("--config") + 1]).read_text()
            pairs = re.findall(r"containerPort: (\d+)\s+hostPort: (\d+)\s+listenAddress: ([\d.]+)", config)
            publish = [f"--publish={address}:{host}:{port}/TCP" for port, host, address in pairs]
            Fake("docker", self.state, ["run", *publish]).docker()
            Path(self.words[self.words.index("--kubeconfig") + 1]).write_text(KUBECONFIG)
            print((RECORDED / "kind-create.txt").read_text(), file=sys.stderr)
        elif what == "delete cluster":
            Fake("docker", self.state, ["rm"]).docker()
        elif what == "export kubeconfig":
            Path(self.words[self.words.index("--kubeconfig") + 1]).write_text(KUBECONFIG)
        elif what == "load image-archive":
            self.write("node-images", [*self.read("node-images", []), Path(self.words[2]).read_text()])
        else:
            print((RECORDED / "kind-0.33.txt").read_text())
        return 0

    # kubectl

    def kubectl(self):
        if "--client" in self.words:
            print((RECORDED / self.read("kubectl", "kubectl-1.36.json")).read_text())
            return 0
        words = self.words[4:]
        if words[0] == "kustomize":
            text = (Path(words[1]) / "kustomization.yaml").read_text()
            tag = re.search(r"newTag: (\S+)", text)[1]
            print(
                (self.state / "rendered.yaml")
                .read_text()
                .replace("mlops-labs/course:unset", f"mlops-labs/course:{tag}")
            )
            return 0
        node = self.read("node", None)
        if not node or node["state"] != "running":
            print("The connection to the server 127.0.0.1:45371 was refused", file=sys.stderr)
            return 1
        if words[0] == "apply":
            return self.apply(json.load(sys.stdin)["items"])
        if words[0] == "get":
            return self.get(words)
        if words[0] == "logs":
            print("the last words of the container")
        return 0

    def apply(self, items):
        objects = self.read("objects", {})
        for each in items:
            objects["/".join([each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]])] = each
        self.write("objects", objects)
        return 0

    def get(self, words):
        objects = self.read("objects", {})
        if words[1] == "--raw":
            print(json.dumps(summary()) if "stats" in words[2] else "ok")
        elif words[1] == "events":
            print(json.dumps({"items": []}))
        elif "--all-namespaces" in words:
            print(json.dumps({"kind": "List", "items": list(self.standing(objects))}))
        else:
            kind, name, namespace = words[1].title(), words[2], words[words.index("--namespace") + 1]
            found = objects.get(f"{kind}/{namespace}/{name}")
            if found is None:
                print(f'Error from server (NotFound): {words[1]}s "{name}" not found', file=sys.stderr)
                return 1
            print(json.dumps(found))
        return 0

    def standing(self, objects):
        """The workloads with a status, and a pod for each: as the test's scenario wants it, else ready in the end."""
        scenario = self.read("scenario", {})
        polls = self.read("polls", 0)
        self.write("polls", polls + 1)
        for each in objects.values():
            if each["kind"] not in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
                continue
            name = each["metadata"]["name"]
            as_wanted = scenario.get(name) or ("creating" if polls < scenario.get("slow", 1) else "ready")
            pod = json.loads((RECORDED / "pods" / f"{as_wanted}.json").read_text())
            labels = {"app.kubernetes.io/name": name}
            pod["metadata"] |= {"name": f"{name}-0", "namespace": each["metadata"]["namespace"], "labels": labels}
            yield pod
            yield each | {"metadata": each["metadata"] | {"generation": 1}, "status": status(as_wanted == "ready")}


def status(ready):
    if not ready:
        return {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "desiredNumberScheduled": 1}
    counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas", "desiredNumberScheduled")
    told = dict.fromkeys((*counts, "numberReady", "updatedNumberScheduled", "observedGeneration"), 1)
    return told | {"conditions": [{"type": "Complete", "status": "True"}]}


def summary():
    pods = [("mlflow-0", 440), ("postgres-0", 60), ("router-0", 30)]
    listed = [
        {"podRef": {"name": name, "namespace": "mlops-labs"}, "memory": {"workingSetBytes": size * 2**20}}
        for name, size in pods
    ]
    return {"node": {"nodeName": NODE, "memory": {"workingSetBytes": 2 * 2**30}}, "pods": listed}


if __name__ == "__main__":
    sys.exit(Fake(sys.argv[1], sys.argv[2], sys.argv[3:]).main())
